// The turn of connections whose bytes lie ready at once.
#include "http/server/turnstile.hpp"

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include <string>
#include <thread>

namespace fm::http {
namespace {

TEST(turnstile, LetsOtherHandlersRunBetweenTwo) {
  boost::asio::io_context io{1};
  std::string order;
  boost::asio::post(io, [&] {
    auto& t = turnstile::of_this_thread();
    t.pass(io.get_executor(), [&] {
      order += "a";
      boost::asio::post(io, [&] { order += "word "; }); // came while the others waited
      t.pass(io.get_executor(), [&] { order += "A"; }); // its next piece: behind the others'
    });
    t.pass(io.get_executor(), [&] { order += "b"; });
    t.pass(io.get_executor(), [&] { order += "c"; });
  });
  std::thread{[&] { io.run(); }}.join();
  EXPECT_EQ(order, "aword bcA");
}
} // namespace
} // namespace fm::http
