//! What has to be known of every slot in every tick: sums over its good GPUs.

use crate::fleet::frame::Frame;
use crate::fleet::jobs::runs::stretches;
use crate::fleet::jobs::{By, narrow, tally, wide};
use crate::model::{Metric, Quality};

/// Sums over the good GPUs of one slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Sum {
    /// Good GPUs.
    pub good: u32,
    /// Those that report utilization, and the sum of it, %.
    pub util: (u32, u64),
    /// Those that report power, and the sum of it, W.
    pub power: (u32, u64),
}

impl Sum {
    /// Mean utilization, %; `None` when no good GPU reports it.
    #[must_use]
    pub fn mean_util(&self) -> Option<f32> {
        (self.util.0 > 0).then(|| self.util.1 as f32 / self.util.0 as f32)
    }

    /// Sum of power, W; `None` when no good GPU reports it.
    #[must_use]
    pub fn watts(&self) -> Option<u64> {
        (self.power.0 > 0).then_some(self.power.1)
    }

    /// The sums of every slot of a frame; [`Frame::sums`] keeps them.
    #[must_use]
    pub fn all(frame: &Frame, by: By) -> Vec<Self> {
        let mut sums = vec![Self::default(); by.slots(frame)];
        let columns = (wide(frame, by.metric()), narrow(frame, Metric::Util), wide(frame, Metric::Power));
        let (Some(slots), Some(util), Some(power)) = columns else { return sums };
        let quality = frame.qualities();
        if [util.len(), power.len(), quality.len()] != [slots.len(); 3] {
            return sums;
        }
        for held in stretches(slots) {
            let Some(sum) = sums.get_mut(usize::from(slots[held.start])) else { continue };
            for fresh in stretches(&quality[held.clone()]) {
                let at = held.start + fresh.start..held.start + fresh.end;
                if quality[at.start] == Quality::Good as u8 {
                    sum.add(&util[at.clone()], &power[at]);
                }
            }
        }
        sums
    }

    fn add(&mut self, util: &[u8], power: &[u16]) {
        self.good += util.len() as u32;
        for (util, power) in util.chunks(1 << 15).zip(power.chunks(1 << 15)) {
            let known = |v: &u8| u32::from(*v != u8::MAX);
            self.util.0 += util.iter().map(known).sum::<u32>();
            self.util.1 += u64::from(util.iter().map(|v| u32::from(*v) * known(v)).sum::<u32>());
            let (count, watts) = tally::add_wide(power);
            self.power.0 += count;
            self.power.1 += watts;
        }
    }
}
