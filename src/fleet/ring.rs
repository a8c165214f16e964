//! The ring: every tick of the recent past at full rate, under a memory budget. The newest
//! frames are kept as they are; older ones are packed, the oldest go.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::fleet::frame::Frame;
use crate::fleet::pack::{PackedFrame, Packer};
use crate::model::Timestamp;

/// At most this many frames stay unpacked.
const HOT_FRAMES: usize = 24;

/// One tick of the past.
#[derive(Clone, Debug)]
pub struct Slot {
    /// The moment.
    pub time: Timestamp,
    body: Body,
}

#[derive(Clone, Debug)]
enum Body {
    Hot(Arc<Frame>),
    Packed(Arc<PackedFrame>),
}

impl Slot {
    /// A slot that holds a frame as it is.
    #[must_use]
    pub fn of(frame: Arc<Frame>) -> Self {
        Self { time: frame.time, body: Body::Hot(frame) }
    }

    /// A slot that holds a packed frame.
    #[must_use]
    pub fn packed(frame: PackedFrame) -> Self {
        Self { time: frame.time(), body: Body::Packed(Arc::new(frame)) }
    }

    /// The frame; unpacked where needed (about a millisecond at 100,000 GPUs).
    #[must_use]
    pub fn frame(&self) -> Arc<Frame> {
        match &self.body {
            Body::Hot(f) => Arc::clone(f),
            Body::Packed(p) => Arc::new(p.unpack()),
        }
    }

    /// The frame if it is at hand without unpacking.
    #[must_use]
    pub const fn hot(&self) -> Option<&Arc<Frame>> {
        match &self.body {
            Body::Hot(f) => Some(f),
            Body::Packed(_) => None,
        }
    }
}

/// The writer's side of the ring.
#[derive(Debug)]
pub struct Ring {
    slots: VecDeque<(Slot, usize)>,
    packed: usize,
    /// How many, from the front, were put back and not pushed.
    restored: usize,
    bytes: usize,
    budget: usize,
    packer: Packer,
}

impl Ring {
    /// A ring that holds at most `budget` bytes of frames (but always the newest two).
    #[must_use]
    pub fn new(budget: usize) -> Self {
        let packer = Packer::default();
        Self { slots: VecDeque::new(), packed: 0, restored: 0, bytes: 0, budget, packer }
    }

    /// Adds the newest frame and lets the oldest go where the budget asks for it.
    pub fn push(&mut self, frame: Arc<Frame>) {
        let previous = self.slots.back().and_then(|(s, _)| s.hot());
        let bytes = frame.own_bytes(previous.map(Arc::as_ref));
        self.slots.push_back((Slot::of(frame), bytes));
        self.bytes += bytes;
        self.evict();
    }

    fn evict(&mut self) {
        while self.bytes > self.budget && self.slots.len() > 2 {
            if let Some((_, bytes)) = self.slots.pop_front() {
                self.bytes -= bytes;
                self.packed = self.packed.saturating_sub(1);
                self.restored = self.restored.saturating_sub(1);
            }
        }
    }

    /// Puts back a moment that is older than those pushed and newer than those put back before; any
    /// other is left out.
    pub fn restore(&mut self, slot: Slot) {
        let before = self.restored.checked_sub(1).and_then(|i| self.slots.get(i));
        let after = self.slots.get(self.restored);
        if before.is_some_and(|(s, _)| s.time >= slot.time) || after.is_none_or(|(s, _)| s.time <= slot.time)
        {
            return;
        }
        let bytes = match &slot.body {
            Body::Hot(frame) => frame.own_bytes(None),
            Body::Packed(packed) => packed.own_bytes(),
        };
        self.bytes += bytes;
        self.slots.insert(self.restored, (slot, bytes));
        self.restored += 1;
        self.packed += 1;
        self.evict();
    }

    /// Packs the oldest hot frame if there are too many. True when something was packed.
    pub fn pack_one(&mut self) -> bool {
        let hot_bytes: usize = self.slots.range(self.packed..).map(|(_, b)| b).sum();
        let hot = self.slots.len() - self.packed;
        if hot <= 2 || (hot <= HOT_FRAMES && hot_bytes <= self.budget / 4) {
            return false;
        }
        let Some((slot, bytes)) = self.slots.get_mut(self.packed) else { return false };
        if let Body::Hot(frame) = &slot.body {
            let packed = self.packer.pack(&Arc::clone(frame));
            self.bytes = self.bytes - *bytes + packed.own_bytes();
            *bytes = packed.own_bytes();
            slot.body = Body::Packed(Arc::new(packed));
        }
        self.packed += 1;
        true
    }

    /// Bytes held.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// All slots, oldest first.
    #[must_use]
    pub fn view(&self) -> Arc<[Slot]> {
        self.slots.iter().map(|(s, _)| s.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Topology;
    use crate::model::topology::plan::{NewHost, Plan};

    fn frame(second: i64) -> Arc<Frame> {
        let hosts = [NewHost { host: "a".into(), place: None, gpus: 8 }];
        let t: Topology = Plan::open("x").with_hosts(&hosts).build().expect("small");
        Arc::new(Frame::empty(Arc::new(t), Timestamp::from_secs(second)))
    }

    #[test]
    fn the_budget_holds_and_the_newest_two_stay() {
        let one = frame(0).own_bytes(None);
        let mut ring = Ring::new(10 * one);
        for s in 0..100 {
            ring.push(frame(s));
            assert!(ring.bytes() <= 10 * one);
        }
        assert_eq!(ring.view().last().map(|s| s.time), Some(Timestamp::from_secs(99)));
        let mut tiny = Ring::new(0);
        (0..9).for_each(|s| tiny.push(frame(s)));
        assert_eq!(tiny.view().len(), 2);
    }

    #[test]
    fn packing_keeps_order_and_content() {
        let mut ring = Ring::new(usize::MAX);
        for s in 0..60 {
            ring.push(frame(s));
            ring.pack_one();
        }
        let view = ring.view();
        assert!(view[0].hot().is_none() && view[59].hot().is_some());
        for (i, slot) in view.iter().enumerate() {
            assert_eq!(slot.frame().time, Timestamp::from_secs(i as i64));
        }
        assert!(view.iter().filter(|s| s.hot().is_some()).count() <= HOT_FRAMES + 1);
    }
}
