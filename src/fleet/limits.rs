//! Limits that a GPU crosses, as a priority: what a map shows in an alarm colour.
//!
//! This is a judgement of one moment, without delay and memory. Margins are used instead of
//! absolute temperatures, because they mean the same on every product.

pub mod plant;

use crate::model::{ClockEvents, Health, Metric, Quality};

/// Margin to thermal slowdown under which a GPU is worth a look, K.
pub const LOW_MARGIN_K: f32 = 5.0;

/// Priority 1 (critical) to 4 (low), or 0 for nothing, of one good GPU. `events` and `margin` are
/// raw column values.
#[must_use]
pub fn priority(events: u16, margin: u16, health: u16) -> u8 {
    let known = |raw: u16, m: Metric| (raw != m.none_raw()).then_some(raw);
    let events = ClockEvents(known(events, Metric::ClockEvents).unwrap_or(0));
    let margin = Metric::Margin.decode(margin);
    let hard = ClockEvents::HW_THERMAL | ClockEvents::POWER_BRAKE | ClockEvents::HW_SLOWDOWN;
    if events.0 & hard != 0 || margin.is_some_and(|m| m < 0.0) {
        2
    } else if events.0 & ClockEvents::SW_THERMAL != 0
        || margin.is_some_and(|m| m < LOW_MARGIN_K)
        || health == Health::Unhealthy as u16
    {
        3
    } else {
        0
    }
}

/// Priorities of all GPUs of a frame; those that are not good have none, because what is stale
/// must not look like news.
pub(crate) fn all(events: &[u16], margin: &[u8], health: &[u8], quality: &[u8]) -> Vec<u8> {
    let rows = events.iter().zip(margin).zip(health.iter().zip(quality));
    rows.map(
        |((e, m), (h, q))| {
            if *q == Quality::Good as u8 { priority(*e, u16::from(*m), u16::from(*h)) } else { 0 }
        },
    )
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(events: u16, margin: f32, health: Health) -> u8 {
        priority(events, Metric::Margin.encode(margin), health as u16)
    }

    #[test]
    fn normal_operation_crosses_no_limit() {
        let normal = ClockEvents::IDLE | ClockEvents::SW_POWER_CAP;
        assert_eq!(of(normal, 20.0, Health::Ok), 0);
        assert_eq!(
            priority(Metric::ClockEvents.none_raw(), Metric::Margin.none_raw(), 255),
            0,
            "absent is no limit"
        );
    }

    #[test]
    fn hardware_slowdown_goes_before_a_low_margin() {
        assert_eq!(of(ClockEvents::HW_THERMAL, 20.0, Health::Degraded), 2);
        assert_eq!(of(0, -1.0, Health::Ok), 2);
        assert_eq!(of(0, 4.0, Health::Ok), 3);
        assert_eq!(of(0, 5.0, Health::Ok), 0);
        assert_eq!(of(0, 30.0, Health::Unhealthy), 3);
    }

    #[test]
    fn stale_gpus_cross_nothing() {
        assert_eq!(all(&[64, 64], &[60, 60], &[0, 0], &[0, 1]), [2, 0]);
    }
}
