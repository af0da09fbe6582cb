// Refusing a command without knowing which it is.
#include "protocol/messages/case_commands.hpp"

namespace fm {

void refuse(const case_command& command, const failure& why) {
  std::visit(
      [&](const auto& c) {
        if constexpr (requires { c.answer; })
          c.answer(why);
      },
      command);
}

} // namespace fm
