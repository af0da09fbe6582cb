// core.hpp and the actors' framework: for the layers that send messages.
#pragma once

#include "config/cmake/precompiled/core.hpp"
#include "protocol/messages/case_commands.hpp"
#include "protocol/messages/files_actor.hpp"
#include "protocol/messages/identity_actor.hpp"
#include "protocol/messages/knowledge_actor.hpp"

#include <caf/actor_system.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
