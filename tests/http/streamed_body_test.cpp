// Bodies that a route takes piece by piece, and answers of known length that are streamed.
#include "tests/http/server_fixture.hpp"

namespace fm::http {
namespace {

TEST_F(server_test, StreamedBodyComesInPiecesAndTheConnectionGoesOn) {
  std::string body;
  for (int i = 0; body.size() < 700'000; ++i)
    body += std::to_string(i) + " ";
  auto c = client();
  for (const auto& framed : {"Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body,
                             [&] {
                               std::string chunks = "Transfer-Encoding: chunked\r\n\r\n";
                               for (std::size_t at = 0; at < body.size(); at += 1'000) {
                                 const auto piece = body.substr(at, 1'000);
                                 char size[20];
                                 std::snprintf(size, sizeof size, "%zx\r\n", piece.size());
                                 chunks += size + piece + "\r\n";
                               }
                               return chunks + "0\r\n\r\n";
                             }()}) {
    std::thread sender{[&] { EXPECT_TRUE(c.send_raw(take_head(framed.substr(0, framed.find("\r\n") + 2)) + framed.substr(framed.find("\r\n\r\n") + 4), 10s)); }};
    auto x = waiting.take();
    ASSERT_TRUE(x);
    EXPECT_EQ((*x)->in.body_bytes.value_or(body.size()), body.size());
    const auto [all, why] = rest_of(*x);
    sender.join();
    EXPECT_FALSE(why);
    EXPECT_EQ(all, body);
    (*x)->respond(text("taken"));
    const auto a = c.read_raw(5s);
    ASSERT_TRUE(a);
    EXPECT_EQ(a->body, "taken");
    EXPECT_NE(a->header("connection"), "close");
  }
}

TEST_F(server_test, SenderOfAStreamedBodyWaitsUntilItIsAsked) {
  for (auto& r : pending_routes)
    if (r.streams_body)
      r.body_bytes_max = 256U << 20;
  auto c = client();
  const auto sent = c.send_raw(take_head("Content-Length: " + std::to_string(64U << 20) + "\r\n") + std::string(64U << 20, 'x'), 300ms);
  ASSERT_FALSE(sent) << "the kernel's buffers hold less";
  EXPECT_EQ(sent.error().code, errc::timed_out);
  auto x = *waiting.take();
  EXPECT_FALSE(piece_of(x)->empty());
}

TEST_F(server_test, StreamedBodyAnnouncedTooLargeIsRefusedBeforeAnybodyIsAsked) {
  const auto a = raw("POST /take HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1000001\r\n\r\n");
  EXPECT_EQ(a.status, 413) << "and no 100 Continue before it";
  EXPECT_EQ(a.header("connection"), "close");
  expect_error_shape(a, "too_large");
  EXPECT_EQ(record->authentications, 0);
}

TEST_F(server_test, StreamedChunksAreRefusedAsSoonAsTheyPassTheLimit) {
  auto c = client();
  ASSERT_TRUE(c.send_raw(take_head("Transfer-Encoding: chunked\r\n") + "3\r\nabc\r\nf4240\r\n", 5s));
  auto x = *waiting.take();
  const auto [all, why] = rest_of(x);
  EXPECT_EQ(all, "abc");
  ASSERT_TRUE(why);
  EXPECT_EQ(why->code, errc::too_large);
  x->fail(*why); // the client has its answer already
  const auto a = c.read_raw(5s);
  ASSERT_TRUE(a);
  EXPECT_EQ(a->status, 413);
}

TEST_F(server_test, AnAnswerBeforeTheBodysEndReachesAClientThatStillSends) {
  auto c = client();
  std::thread sender{[&] { (void)c.send_raw(take_head("Content-Length: 900000\r\n") + std::string(800'000, 'x'), 5s); }};
  auto x = *waiting.take();
  EXPECT_TRUE(piece_of(x));
  x->fail(make_conflict("TERMINAL_CASE", "It is over."));
  EXPECT_FALSE(piece_of(x)) << "nothing is read for a request that was answered";
  sender.join();
  const auto a = c.read_raw(5s);
  ASSERT_TRUE(a);
  EXPECT_EQ(a->status, 409);
  EXPECT_EQ(a->header("connection"), "close");
}

TEST_F(server_test, LeaveToSendComesWhenTheBodyIsWanted) {
  const auto until = std::chrono::steady_clock::now() + 5s;
  auto socket = testing_support::byte_socket::connect(where(), until);
  ASSERT_TRUE(socket);
  ASSERT_TRUE(socket->write(take_head("Expect: 100-continue\r\nContent-Length: 3\r\n"), until));
  auto x = *waiting.take();
  auto got = std::make_shared<mailbox<outcome<std::string>>>();
  x->read_body([got](outcome<std::string> p) { got->put(std::move(p)); });
  std::string heard;
  while (heard.find("\r\n\r\n") == std::string::npos)
    ASSERT_TRUE(socket->read(heard, until));
  EXPECT_EQ(heard, "HTTP/1.1 100 Continue\r\n\r\n");
  ASSERT_TRUE(socket->write("abc", until));
  EXPECT_EQ(got->take()->value(), "abc");
  x->respond(text("thanks"));
  while (heard.find("thanks") == std::string::npos)
    ASSERT_TRUE(socket->read(heard, until));
}

TEST_F(server_test, ASenderThatFallsSilentIsToldAfterAWhile) {
  settings.stream_idle = 50ms;
  auto c = client();
  ASSERT_TRUE(c.send_raw(take_head("Content-Length: 10\r\n") + "abc", 5s));
  auto x = *waiting.take();
  const auto [all, why] = rest_of(x);
  EXPECT_EQ(all, "abc");
  ASSERT_TRUE(why);
  EXPECT_EQ(why->code, errc::timed_out);
  const auto a = c.read_raw(5s);
  ASSERT_TRUE(a);
  EXPECT_EQ(a->status, 408);
  EXPECT_EQ(a->header("connection"), "close");
}

TEST_F(server_test, AStreamedBodyMustHaveComeInTime) {
  settings.stream_total = 100ms;
  auto c = client();
  ASSERT_TRUE(c.send_raw(take_head("Content-Length: 1000000\r\n"), 5s));
  auto x = *waiting.take();
  std::atomic<bool> over{false};
  std::thread dripping{[&] {
    while (!over && c.send_raw("x", 1s))
      std::this_thread::sleep_for(2ms);
  }};
  const auto [all, why] = rest_of(x);
  over = true;
  dripping.join();
  ASSERT_TRUE(why);
  EXPECT_EQ(why->code, errc::timed_out) << "however busily it drips";
  EXPECT_EQ(c.read_raw(5s)->status, 408);
}

TEST_F(server_test, WhatCameBeforeTheClientWentAwayIsGiven) {
  auto c = client();
  ASSERT_TRUE(c.send_raw(take_head("Content-Length: 10\r\n") + "abc", 5s));
  auto x = *waiting.take();
  EXPECT_EQ(piece_of(x).value(), "abc");
  auto got = std::make_shared<mailbox<outcome<std::string>>>();
  x->read_body([got](outcome<std::string> p) { got->put(std::move(p)); });
  c.cut();
  const auto end = got->take();
  ASSERT_TRUE(end && !*end);
  EXPECT_EQ(end->error().code, errc::gone);
  EXPECT_EQ(piece_of(x).error().code, errc::gone);
}

TEST_F(server_test, StreamedChunksThatAreNoneAreRefused) {
  auto c = client();
  ASSERT_TRUE(c.send_raw(take_head("Transfer-Encoding: chunked\r\n") + "3\r\nabc\r\nzz\r\n", 5s));
  auto x = *waiting.take();
  const auto [all, why] = rest_of(x);
  EXPECT_EQ(all, "abc");
  EXPECT_EQ(why->code, errc::invalid);
  EXPECT_EQ(c.read_raw(5s)->status, 400);
}

TEST_F(server_test, AKeyOfAStreamedRequestCountsForWhatWasStreamed) {
  const auto send = [&](const std::string& body) {
    auto c = client();
    EXPECT_TRUE(c.send_raw(take_head("Idempotency-Key: 12345678\r\nContent-Length: " + std::to_string(body.size()) + "\r\n") + body, 5s));
    auto x = *waiting.take();
    const auto all = rest_of(x).first;
    x->claim_key(all, [this, x, all] {
      ++calls;
      x->respond(text("made of " + all));
    });
    auto a = c.read_raw(5s);
    EXPECT_TRUE(a);
    return a ? *a : http_answer{};
  };
  EXPECT_EQ(send("one").body, "made of one");
  const auto again = send("one");
  EXPECT_EQ(again.body, "made of one");
  EXPECT_EQ(again.header("x-idempotency-replayed"), "true");
  EXPECT_EQ(send("two").header("x-error-code"), "IDEMPOTENCY_KEY_REUSE");
  EXPECT_EQ(calls, 1);
}

TEST_F(server_test, AStreamOfKnownLengthSaysItAndOneThatEndsEarlyIsSeenToBeCut) {
  add("GET", "/long", access::open, [this](const exchange_ptr& x) {
    response head;
    head.stream_bytes = 8;
    streams.put(x->stream(std::move(head), [] {}, [] {}));
  });
  for (const bool whole : {true, false}) {
    auto c = client();
    ASSERT_TRUE(c.send_raw("GET /long HTTP/1.1\r\nHost: x\r\n\r\n", 5s));
    auto stream = *streams.take();
    ASSERT_TRUE(stream->write(whole ? "12345678" : "1234"));
    stream->finish();
    const auto a = c.read_raw(5s);
    EXPECT_EQ(a.has_value(), whole);
    if (a) {
      EXPECT_EQ(a->body, "12345678");
      EXPECT_EQ(a->header("content-length"), "8");
    }
  }
  auto c = client();
  ASSERT_TRUE(c.send_raw("HEAD /long HTTP/1.1\r\nHost: x\r\n\r\n", 5s));
  ASSERT_TRUE(streams.take());
}

} // namespace
} // namespace fm::http
