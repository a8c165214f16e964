//! What the console knows about handling alarms, apart from any screen: what an operator can do,
//! which alarms a filter lets through, what maps show of them.

pub mod deed;
pub mod filter;
pub mod layer;
pub mod rows;

use crate::model::alarm::{Alarm, AlarmBoard, Member};
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
    // The first-out of a group may be the alarm itself, which is no more than it says already.
    let own = |m: &Member| m.place == alarm.place && m.rule == alarm.rule;
    match alarm.member_count - u32::from(alarm.members.first().is_some_and(own)).min(alarm.member_count) {
        0 => alarm.title.to_string(),
        n => format!("{} +{}", alarm.title, crate::ui::text::integer(n.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{GpuId, HallId, Timestamp};

    #[test]
    fn an_alarm_does_not_count_itself_among_what_belongs_to_it() {
        let alarm = filter::tests::alarm();
        let member = |place: &str| Member {
            time: Timestamp::default(),
            place: place.into(),
            rule: std::sync::Arc::clone(&alarm.rule),
        };
        let of = |member_count, members| title(&Alarm { member_count, members, ..alarm.clone() });
        assert_eq!(of(0, Vec::new()), "Rack leak");
        assert_eq!(of(1, vec![member("H3-R17-K5")]), "Rack leak");
        assert_eq!(of(577, vec![member("H3-R17-K5")]), "Rack leak +576");
        assert_eq!(of(576, vec![member("H3-R17-K4")]), "Rack leak +576");
    }

    #[test]
    fn a_place_lies_in_itself_and_in_all_around_it() {
        let t = Topology::default_site();
        let gpu = Asset::Gpu(GpuId(0));
        let mut at = gpu;
        while at != Asset::Site {
            assert!(within(&t, gpu, at));
            at = t.parent(at);
        }
        assert!(within(&t, gpu, Asset::Site));
        assert!(!within(&t, gpu, Asset::Hall(HallId(1))) && !within(&t, Asset::Site, gpu));
    }
}
