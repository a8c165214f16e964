//! The query language: `temp > 85 and hall = H3 and job = "llm-r7"`.
//!
//! One language for the filter bar, for the conditions of alarm rules and for the command line.
//! A query is parsed ([`parse()`]), bound to the kind of asset that it is asked of ([`Plan`]), and
//! answered for all assets of that kind at once, as a scan over columns ([`Scan`]).
//!
//! There are three answers: true, false, and unknown where a value is absent, stale or lost.
//! `and` is the worse, `or` the better of two answers, so that what is known decides (Kleene).
//!
//! ```text
//! condition  = all { "or" all }            all  = one { "and" one }
//! one        = "not" one | "(" condition ")" | place | compare
//! compare    = sum ( "<" | "<=" | ">" | ">=" | "=" | "!=" ) sum | sum "in" "(" word {"," word} ")"
//! place      = ("hall"|"row"|"rack"|"tray"|"job"|"tenant"|"host") ("="|"!=") name
//!            | the same "in" "(" name { "," name } ")"
//! sum        = product { ("+"|"-") product }     product = factor { ("*"|"/") factor }
//! factor     = number [unit] | value | "-" factor | "(" sum ")" | call
//! call       = ("count"|"share") "(" condition ")" | ("mean"|"max"|"min"|"total") "(" sum ")"
//!            | ("least"|"most") "(" sum {"," sum} ")" | "usual" "(" sum "," time ")"
//!            | "rises" "(" condition "," time ")"
//! ```
//!
//! Values are called as in [`crate::model::Quantity`] (`gpu_temp`, `rack_liquid_flow`; `gpu_` may be
//! left out), and see [`field`] for those that are worked out. A value of what lies above (a hall's
//! dew point, asked of a rack) is taken over; one of what lies below needs a call.

pub mod ast;
pub mod doc;
pub mod eval;
pub mod field;
pub mod lex;
pub mod parse;
pub mod place;
pub mod plan;
pub mod scan;

mod explain;
mod shape;

pub use ast::{Cond, Num, Op};
pub use eval::Memory;
pub use field::Field;
pub use parse::{QueryError, parse};
pub use plan::{Deadband, Plan};
pub use scan::{FALSE, Scan, TRUE, UNKNOWN};

#[cfg(test)]
mod tests;
