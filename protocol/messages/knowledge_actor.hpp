// The knowledge base as others see it: documents in, search out. Whoever asks names the viewer; what that one may
// not see does not exist.
#pragma once

#include "protocol/base/reply.hpp"
#include "protocol/model/knowledge.hpp"
#include "protocol/model/user.hpp"

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/typed_actor.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace fm {

/// forbidden for a global document when the writer is no admin; not_found for a scope one is not in; invalid; too_large.
struct add_knowledge { principal who; knowledge_draft draft; reply<knowledge_document> answer; };
struct read_knowledge { principal who; std::string id; reply<std::pair<knowledge_document, std::string>> answer; };
/// conflict CASE_VERSION_CONFLICT when `expected_version` is given and another one is stored.
struct change_knowledge {
  principal who;
  std::string id;
  knowledge_patch patch;
  std::optional<std::uint32_t> expected_version;
  reply<knowledge_document> answer;
};
struct remove_knowledge { principal who; std::string id; reply<done_t> answer; };
struct list_knowledge {
  principal who;
  knowledge_view view;
  std::string document_type, category, tag;
  std::size_t limit = 50, offset = 0;
  reply<knowledge_list> answer;
};
struct search_knowledge { knowledge_query query; reply<std::vector<knowledge_hit>> answer; };
struct read_knowledge_stats { principal who; knowledge_view view; reply<knowledge_stats> answer; };
/// How the embedder is, without waiting; unavailable while the base is read.
struct read_embedder_state { reply<embedder_state> answer; };
/// What the document was, oldest first, the present version last.
struct list_knowledge_versions { principal who; std::string id; reply<std::vector<knowledge_document>> answer; };
/// One version with its text; not_found when it is no longer kept.
struct read_knowledge_version { principal who; std::string id; std::uint32_t version = 1; reply<std::pair<knowledge_document, std::string>> answer; };
/// Embeds what has no vectors of this embedder, or everything, as a job that belongs to all administrators; the one that
/// runs already when there is one. forbidden for others.
struct reindex_knowledge { principal who; bool all = false; reply<knowledge_job> answer; };
/// The team is gone: so is its knowledge.
struct forget_team_knowledge { team_id team; };
/// From the actor to itself: look whether something waits to be embedded.
struct tend_knowledge {};
/// Changes or removes many at once, as a job.
struct bulk_knowledge {
  principal who;
  std::vector<std::string> ids; ///< 1–1,000
  bool remove = false;
  knowledge_patch patch;
  reply<knowledge_job> answer;
};
/// Puts the runbooks that come with the program into the global knowledge (admin), one's own, or a team's. Those that are there
/// already are left as they are.
struct install_starter_pack { principal who; knowledge_scope scope; reply<knowledge_job> answer; };
struct read_knowledge_job { principal who; std::string id; reply<knowledge_job> answer; };

using knowledge_actor =
    caf::typed_actor<caf::reacts_to<add_knowledge>, caf::reacts_to<read_knowledge>, caf::reacts_to<change_knowledge>,
                     caf::reacts_to<remove_knowledge>, caf::reacts_to<list_knowledge>, caf::reacts_to<search_knowledge>,
                     caf::reacts_to<read_knowledge_stats>, caf::reacts_to<bulk_knowledge>, caf::reacts_to<install_starter_pack>,
                     caf::reacts_to<read_knowledge_job>, caf::reacts_to<read_embedder_state>, caf::reacts_to<list_knowledge_versions>,
                     caf::reacts_to<read_knowledge_version>, caf::reacts_to<reindex_knowledge>, caf::reacts_to<forget_team_knowledge>,
                     caf::reacts_to<tend_knowledge>>;

} // namespace fm

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::add_knowledge)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::read_knowledge)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::change_knowledge)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::remove_knowledge)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::list_knowledge)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::search_knowledge)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::read_knowledge_stats)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::bulk_knowledge)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::install_starter_pack)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::read_knowledge_job)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::read_embedder_state)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::list_knowledge_versions)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::read_knowledge_version)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::reindex_knowledge)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::forget_team_knowledge)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::tend_knowledge)
