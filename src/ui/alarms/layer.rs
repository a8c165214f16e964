//! Alarms as maps show them: the worst priority at each GPU, rack and hall. Made once per board and
//! topology, because a heatmap asks for all GPUs at every frame.

use std::sync::Arc;

use crate::fleet::Frame;
use crate::model::alarm::{Alarm, AlarmBoard};
use crate::model::{Asset, HallId, RackId, Topology};

/// Alarms of one hall, wherever in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct HallAlarms {
    /// Annunciated ones by priority 1 to 4.
    pub counts: [u32; 4],
    /// Those that wait for an acknowledgement, by priority.
    pub waiting: [u32; 4],
}

/// See the module.
#[derive(Debug, Default)]
pub struct AlarmLayer {
    /// The alarms and the size of the site that it was made for.
    made_for: Option<(Arc<[Arc<Alarm>]>, u32)>,
    /// Empty while no GPU is in alarm.
    gpus: Vec<u8>,
    racks: Vec<u8>,
    halls: Vec<HallAlarms>,
    /// Alarms and crossed limits together, for this frame; empty while there are no alarms.
    merged: Vec<u8>,
    merged_for: Option<Arc<Frame>>,
    live: bool,
}

/// The worse of two priorities; 0 is none.
const fn worse(a: u8, b: u8) -> u8 {
    if a == 0 || (b != 0 && b < a) { b } else { a }
}

impl AlarmLayer {
    /// Takes in the board, or nothing where the frame shown is not of its time.
    pub fn update(&mut self, board: Option<&AlarmBoard>, frame: &Arc<Frame>) {
        let t = &frame.topology;
        let alarms = board.map_or_else(|| Arc::from([]), |b| Arc::clone(&b.alarms));
        self.live = board.is_some_and(super::is_live);
        let same = |(a, g): &(Arc<[Arc<Alarm>]>, u32)| Arc::ptr_eq(a, &alarms) && *g == t.generation();
        if !self.made_for.as_ref().is_some_and(same) {
            self.paint(&alarms, t);
            self.made_for = Some((alarms, t.generation()));
            self.merged_for = None;
        }
        if self.merged_for.as_ref().is_some_and(|f| Arc::ptr_eq(f, frame)) {
            return;
        }
        self.merged.clear();
        if !self.gpus.is_empty() {
            let limits = frame.exceptions();
            let limit = |g: usize| limits.get(g).copied().unwrap_or(0);
            self.merged.extend(self.gpus.iter().enumerate().map(|(g, p)| worse(*p, limit(g))));
        }
        self.merged_for = Some(Arc::clone(frame));
    }

    /// True when it is of this frame.
    #[must_use]
    pub fn is_of(&self, frame: &Arc<Frame>) -> bool {
        self.merged_for.as_ref().is_some_and(|f| Arc::ptr_eq(f, frame))
    }

    fn paint(&mut self, alarms: &[Arc<Alarm>], t: &Topology) {
        self.gpus.clear();
        self.racks.clear();
        self.halls.clear();
        self.halls.resize(t.halls().len(), HallAlarms::default());
        for alarm in alarms.iter().filter(|a| a.state.is_annunciated()) {
            // An alarm of the whole site says nothing about one place.
            let Some(asset) = alarm.asset.filter(|a| *a != Asset::Site) else { continue };
            let priority = alarm.priority.clamp(1, 4);
            let gpus = t.gpus_of(asset).range();
            if gpus.end > t.gpu_count() {
                continue;
            }
            if self.gpus.is_empty() {
                self.gpus.resize(t.gpu_count(), 0);
                self.racks.resize(t.racks().len(), 0);
            }
            self.gpus[gpus].iter_mut().for_each(|p| *p = worse(*p, priority));
            for rack in racks_of(t, asset) {
                self.racks[rack] = worse(self.racks[rack], priority);
            }
            if let Some(hall) = hall_of(t, asset) {
                let (at, hall) = (usize::from(priority - 1), &mut self.halls[hall.index()]);
                hall.counts[at] += 1;
                hall.waiting[at] += u32::from(alarm.state.is_unacknowledged());
            }
        }
    }

    /// True when there is an engine behind the alarms: maps then count alarms instead of limits.
    #[must_use]
    pub const fn is_live(&self) -> bool {
        self.live
    }

    /// Priority of each GPU: the worse of its alarms and of the limit it crosses.
    #[must_use]
    pub fn exceptions<'a>(&'a self, frame: &'a Frame) -> &'a [u8] {
        if self.merged.is_empty() { frame.exceptions() } else { &self.merged }
    }

    /// The worst alarm at a rack, around it or in it; 0 for none.
    #[must_use]
    pub fn rack(&self, rack: RackId) -> u8 {
        self.racks.get(rack.index()).copied().unwrap_or(0)
    }

    /// Alarms of a hall.
    #[must_use]
    pub fn hall(&self, hall: HallId) -> HallAlarms {
        self.halls.get(hall.index()).copied().unwrap_or_default()
    }

    /// `priority` of a rack, or that of its worst alarm.
    #[must_use]
    pub fn worse_of_rack(&self, rack: RackId, priority: u8) -> u8 {
        worse(priority, self.rack(rack))
    }
}

fn racks_of(t: &Topology, asset: Asset) -> std::ops::Range<usize> {
    let one = |r: RackId| r.index()..r.index() + 1;
    match asset {
        Asset::Site => 0..t.racks().len(),
        Asset::Hall(h) => t.hall(h).racks.range(),
        Asset::Row(r) => t.row(r).racks.range(),
        Asset::Cdu(c) => t.row(t.cdu(c).0).racks.range(),
        Asset::Rack(r) => one(r),
        Asset::Tray(tray) => one(t.tray(tray).rack),
        Asset::Gpu(g) => one(t.rack_of(g)),
    }
}

fn hall_of(t: &Topology, asset: Asset) -> Option<HallId> {
    let mut at = asset;
    loop {
        match at {
            Asset::Hall(hall) => return Some(hall),
            Asset::Site => return None,
            _ => at = t.parent(at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::alarm::AlarmState;
    use crate::model::{GpuId, RowId, Timestamp};
    use crate::ui::alarms::filter::tests::alarm;

    fn layer(alarms: Vec<Alarm>) -> (AlarmLayer, Arc<Frame>) {
        let t = Arc::new(Topology::default_site());
        let frame = Arc::new(Frame::empty(t, Timestamp::default()));
        let alarms = alarms.into_iter().map(Arc::new).collect();
        let board = AlarmBoard { alarms, ..AlarmBoard::default() };
        let mut layer = AlarmLayer::default();
        layer.update(Some(&board), &frame);
        (layer, frame)
    }

    fn at(asset: Asset, priority: u8) -> Alarm {
        Alarm { asset: Some(asset), priority, ..alarm() }
    }

    #[test]
    fn the_worst_alarm_wins_its_gpu_and_its_rack() {
        let row = Asset::Row(RowId(0));
        let (layer, frame) = layer(vec![at(row, 3), at(Asset::Gpu(GpuId(5)), 2), at(row, 4)]);
        let priorities = layer.exceptions(&frame);
        assert_eq!((priorities[4], priorities[5], priorities[6]), (3, 2, 3));
        assert_eq!((layer.rack(RackId(0)), layer.rack(RackId(1))), (2, 3));
        assert_eq!(layer.hall(HallId(0)).counts, [0, 1, 1, 1]);
        assert_eq!(layer.hall(HallId(0)).waiting, [0, 1, 1, 1]);
        assert_eq!(layer.hall(HallId(1)), HallAlarms::default());
    }

    #[test]
    fn what_is_put_aside_and_what_stands_at_the_site_colours_nothing() {
        let aside = |state| Alarm { state, ..at(Asset::Gpu(GpuId(1)), 1) };
        let states = [AlarmState::Shelved, AlarmState::Suppressed, AlarmState::OutOfService];
        let mut alarms: Vec<Alarm> = states.map(aside).to_vec();
        alarms.push(at(Asset::Site, 1));
        let (layer, frame) = layer(alarms);
        assert!(layer.exceptions(&frame).iter().all(|p| *p == 0));
        assert!(layer.is_live());
    }

    #[test]
    fn without_a_board_the_limits_alone_are_left() {
        let (mut layer, frame) = layer(vec![at(Asset::Gpu(GpuId(1)), 1)]);
        assert_eq!(layer.exceptions(&frame)[1], 1);
        layer.update(None, &frame);
        assert_eq!(layer.exceptions(&frame), frame.exceptions());
        assert!(!layer.is_live());
    }
}
