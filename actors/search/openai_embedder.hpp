// Embeddings of any server that speaks OpenAI's POST <base>/embeddings: OpenAI, Ollama, TEI, vLLM, llama.cpp (BGE-M3
// and whatever else they serve). Batches, retries what is safe, checks the dimension.
#pragma once

#include "actors/search/embedder.hpp"
#include "protocol/base/http_client.hpp"

#include <chrono>

namespace fm {

struct openai_embedder_settings {
  std::string base_url; ///< "http://127.0.0.1:11434/v1"
  std::string api_key;  ///< empty = no Authorization header
  std::string model;    ///< "bge-m3"
  std::uint32_t dimension = 1'024;
  std::size_t batch = 32;             ///< texts in one request
  std::size_t text_bytes_max = 32U << 10; ///< longer texts are cut before they are sent
  std::chrono::milliseconds timeout{30'000};
  std::chrono::milliseconds query_timeout{3'000}; ///< of a text that somebody waits for; it is tried once
  std::size_t attempts_max = 3;       ///< 429, 5xx and lost connections are tried again
  std::size_t answer_bytes_max = 64U << 20; ///< of one answer; above, the call is given up
};
/// A server that gives vectors of another length is a clear failure, never a mixed collection.
embedder_ptr make_openai_embedder(openai_embedder_settings settings, http_client_ptr client);

} // namespace fm
