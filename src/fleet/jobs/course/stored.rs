//! Courses that leave the store, and that are put back.

use std::sync::Arc;

use crate::fleet::frame::Frame;
use crate::fleet::jobs::course::{Bucket, Courses, KEEP, MOST, NO_POWER, Recorder, unpack_power};
use crate::fleet::period::wire::Bytes;
use crate::model::Timestamp;

/// Bytes of one course in a period: key, utilization, power.
const EACH: usize = 8 + 1 + 2;

impl Bucket {
    /// Start of its period.
    pub(crate) const fn start(&self) -> Timestamp {
        self.start
    }

    /// Most bytes that a period takes.
    pub(crate) const fn most_bytes() -> usize {
        4 + 4 * MOST * EACH
    }

    /// The period as bytes: how many, all keys, all utilizations, all powers.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(4 + EACH * self.keys.len());
        out.extend((self.keys.len() as u32).to_le_bytes());
        self.keys.iter().for_each(|k| out.extend(k.to_le_bytes()));
        out.extend_from_slice(&self.util);
        self.power.iter().for_each(|p| out.extend(p.to_le_bytes()));
        out
    }

    /// The inverse of [`Self::to_bytes`]; `None` where the bytes are not such a period. Powers that
    /// are no numbers are not known.
    pub(crate) fn from_bytes(start: Timestamp, bytes: &[u8]) -> Option<Self> {
        let mut bytes = Bytes::new(bytes);
        let n = bytes.u32()? as usize;
        if n > 4 * MOST || bytes.len() != n * EACH {
            return None;
        }
        let keys: Arc<[u64]> = (0..n).map(|_| bytes.u64()).collect::<Option<_>>()?;
        let util = bytes.take(n)?.into();
        let known = |p: u16| {
            let watts = unpack_power(p);
            if watts.is_finite() && watts >= 0.0 { p } else { NO_POWER }
        };
        let power = (0..n).map(|_| bytes.u16().map(known)).collect::<Option<_>>()?;
        keys.is_sorted_by(|a, b| a < b).then_some(Self { start, keys, util, power })
    }
}

impl Recorder {
    /// Start of the period that may still change.
    pub fn pending(&self) -> Option<Timestamp> {
        let own = self.courses.periods.len() > self.restored;
        self.courses.periods.back().filter(|_| own).map(|b| b.start)
    }

    /// Puts back a period that is older than what was gathered here and newer than what was put back
    /// before. Others are left out.
    pub fn restore(&mut self, bucket: Arc<Bucket>) {
        let periods = &mut self.courses.periods;
        let before = self.restored.checked_sub(1).and_then(|i| periods.get(i));
        let fits = before.is_none_or(|b| b.start < bucket.start);
        if !fits || periods.get(self.restored).is_some_and(|b| b.start <= bucket.start) {
            return;
        }
        // Keys are shared by the periods in which they are the same.
        let shared = before.filter(|b| b.keys == bucket.keys && !Arc::ptr_eq(&b.keys, &bucket.keys));
        let bucket = match shared {
            Some(b) => Arc::new(Bucket {
                start: bucket.start,
                keys: Arc::clone(&b.keys),
                util: bucket.util.clone(),
                power: bucket.power.clone(),
            }),
            None => bucket,
        };
        periods.insert(self.restored, bucket);
        self.restored += 1;
        if periods.len() > KEEP {
            periods.pop_front();
            self.restored -= 1;
        }
    }
}

impl Courses {
    /// Periods between two moments, oldest first; neither moment is one of them.
    pub(crate) fn between(
        &self,
        after: Option<Timestamp>,
        before: Timestamp,
    ) -> impl Iterator<Item = &Arc<Bucket>> {
        let first = self.periods.partition_point(|b| after.is_some_and(|a| b.start <= a));
        self.periods.range(first..).take_while(move |b| b.start < before)
    }

    /// The same with frames that are newer than its last period.
    #[must_use]
    pub(crate) fn with_recent(&self, frames: &[Arc<Frame>]) -> Self {
        let restored = self.periods.len();
        let mut recorder = Recorder { courses: self.clone(), restored, ..Recorder::default() };
        frames.iter().for_each(|f| recorder.push(f));
        recorder.view()
    }
}
