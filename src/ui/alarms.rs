//! What the console knows about handling alarms, apart from any screen: what an operator can do,
//! which alarms a filter lets through, what maps show of them.

pub mod deed;
pub mod filter;
pub mod layer;
pub mod rows;

use crate::model::alarm::{Alarm, AlarmBoard};
use crate::model::{Asset, Topology};

/// True when `asset` is `scope` or lies in it.
#[must_use]
pub fn within(t: &Topology, asset: Asset, scope: Asset) -> bool {
    let mut at = asset;
    loop {
        if at == scope {
            return true;
        }
        if at == Asset::Site {
            return false;
        }
        at = t.parent(at);
    }
}

/// True when there is an engine behind the board: rules, or at least an alarm.
#[must_use]
pub fn is_live(board: &AlarmBoard) -> bool {
    !board.rules.is_empty() || !board.alarms.is_empty()
}

/// The short word of a priority.
#[must_use]
pub const fn priority_word(priority: u8) -> &'static str {
    match priority {
        0 | 1 => "CRIT",
        2 => "HIGH",
        3 => "MED",
        _ => "LOW",
    }
}

/// What an alarm is about: place, words, and how many more belong to it.
#[must_use]
pub fn title(alarm: &Alarm) -> String {
    match alarm.member_count {
        0 => alarm.title.to_string(),
        n => format!("{} +{}", alarm.title, crate::ui::text::integer(n.into())),
    }
}
