#pragma once

#include <span>
#include <string>
#include <string_view>

namespace gitferry {

/// What one database says for a word that statements have in braces.
struct SqlWord {
  std::string_view name;
  std::string_view text;
};

/// `sql` with its words said as `words` has them. Throws std::logic_error for one that is not there: a
/// statement is ours.
///
/// | word | stands for |
/// | --- | --- |
/// | larger, smaller | the function that gives the larger or smaller of two values |
/// | position | the function that gives where a text has another one, 0 where it has not |
/// | texts( … ), numbers( … ) | a subquery: the items of a JSON array, which is one parameter |
/// | named_refs | a table with a column `ref`: what the JSON in a delivery's `refs` names |
/// | INDEXED BY … | which index a table is read by, where the planner would not find out |
/// | count_of_audit | an expression and its FROM: how many rows the audit has |
/// | is_free | no other process that lives runs the lane of the row of `lane` |
/// | is_ours | the row of `run` was begun by this process |
/// | is_left_over | the row of `run` was begun by a process that has ended |
std::string in_dialect(std::string_view sql, std::span<const SqlWord> words);

}  // namespace gitferry
