//! Who holds the GPUs: every job and every tenant of a frame, with what their GPUs do.
//!
//! A [`Table`] is made once per frame and only when somebody looks. What has to be known of every
//! tick, the [`Sum`]s, is a lighter pass of its own: energy and the course of the last hour are made
//! of it. Only good GPUs count in any figure; stale and lost ones are counted as such.

pub mod course;
pub mod energy;
mod runs;
pub mod straggler;
pub mod sum;
mod tally;

use crate::fleet::frame::Frame;
use crate::fleet::rollup::Counts;
use crate::model::{Column, GpuId, HallId, Metric, Quality};

pub use course::{Course, Courses};
pub use energy::Energy;
pub use straggler::Straggler;
pub use sum::Sum;

use runs::{Runs, stretches};
use tally::Tally;

/// By what GPUs are grouped.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum By {
    /// By the job that holds them.
    #[default]
    Job,
    /// By the tenant whose job holds them.
    Tenant,
}

impl By {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Job, Self::Tenant];

    /// The column that holds the slots.
    #[must_use]
    pub const fn metric(self) -> Metric {
        match self {
            Self::Job => Metric::Job,
            Self::Tenant => Metric::Tenant,
        }
    }

    /// Word on screen.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.metric().spec().name
    }

    /// Slots of its table of names.
    pub(crate) fn slots(self, frame: &Frame) -> usize {
        match self {
            Self::Job => frame.jobs.len(),
            Self::Tenant => frame.tenants.len(),
        }
    }
}

/// Why a GPU is the one to look at first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reason {
    /// It crosses a limit of this priority, 1 to 4.
    Limit(u8),
    /// It holds the others back.
    Straggler,
    /// It is only the hottest.
    Hottest,
}

/// What one job or tenant holds, and what its good GPUs do. Figures are `None` when no good GPU
/// reports the metric.
#[derive(Clone, PartialEq, Debug)]
pub struct Usage {
    /// Slot in the table of names; 0 holds the idle GPUs.
    pub slot: u16,
    /// GPUs held, by quality.
    pub counts: Counts,
    /// Mean and median utilization, %.
    pub util: Option<(f32, f32)>,
    /// Mean SM (or tensor) activity, %.
    pub activity: Option<f32>,
    /// Sum of GPU power, W.
    pub power_w: Option<f64>,
    /// Median GPU power, W.
    pub power_median_w: Option<f32>,
    /// Median SM clock, MHz.
    pub clock_mhz: Option<f32>,
    /// The highest core temperature, °C, and the GPU that has it.
    pub hottest: Option<(GpuId, f32)>,
    /// GPUs that cross a limit, by priority 1 to 4.
    pub limits: [u32; 4],
    /// GPUs that hold the others back.
    pub stragglers: u32,
    /// The GPU to look at first, and why.
    pub worst: Option<(GpuId, Reason)>,
    /// The halls it lies in with its GPUs there, in the order of the site.
    pub halls: Vec<(HallId, u32)>,
}

/// Every job or every tenant of one frame.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Table {
    /// Those that hold GPUs, by slot.
    pub rows: Vec<Usage>,
    /// GPUs of which no source has said who holds them.
    pub unknown: u32,
    /// The stragglers of all jobs: by job, the farthest off first.
    pub stragglers: Vec<Straggler>,
}

impl Table {
    /// The usage of a slot; `None` when it holds no GPU.
    #[must_use]
    pub fn of_slot(&self, slot: u16) -> Option<&Usage> {
        self.rows.binary_search_by_key(&slot, |u| u.slot).ok().map(|i| &self.rows[i])
    }

    /// The stragglers of a job or tenant, the farthest off first within each job.
    pub fn stragglers_of(&self, slot: u16) -> impl Iterator<Item = &Straggler> {
        self.stragglers.iter().filter(move |s| s.slot == slot)
    }

    /// The table of a frame. One pass over the columns; nothing is allocated per GPU but where one
    /// stands out.
    pub(crate) fn of(frame: &Frame, by: By) -> Self {
        let Some(columns) = Columns::of(frame, by) else { return Self::default() };
        let runs = Runs::new(&frame.topology, columns.slot, by.slots(frame));
        let mut table = Self { unknown: runs.unknown, ..Self::default() };
        let mut tally = Tally::default();
        for slot in 0..by.slots(frame) {
            let own = runs.of(slot);
            if own.is_empty() {
                continue;
            }
            let mut usage = tally.measure(slot as u16, own, &columns);
            if by == By::Job && slot > 0 {
                let first = table.stragglers.len();
                straggler::find(&tally, &usage, own, (&columns, &mut table.stragglers));
                usage.stragglers = (table.stragglers.len() - first) as u32;
                if let Some(far) = table.stragglers.get(first) {
                    usage.blame(far.gpu);
                }
            }
            table.rows.push(usage);
        }
        if by == By::Tenant {
            table.take_stragglers(frame, columns.slot);
        }
        table
    }

    /// Stragglers are judged within their job; a tenant has those of its jobs.
    fn take_stragglers(&mut self, frame: &Frame, slots: &[u16]) {
        let of = |s: &Straggler| slots.get(s.gpu.index()).copied().filter(|slot| *slot > 0);
        let found = frame.usage(By::Job).stragglers.iter();
        self.stragglers = found.filter_map(|s| Some(Straggler { slot: of(s)?, ..*s })).collect();
        self.stragglers.sort_by(Straggler::order);
        let mut last = 0;
        for s in &self.stragglers {
            if let Ok(i) = self.rows.binary_search_by_key(&s.slot, |u| u.slot) {
                self.rows[i].stragglers += 1;
                if s.slot != last {
                    self.rows[i].blame(s.gpu);
                }
            }
            last = s.slot;
        }
    }
}

impl Usage {
    /// `straggler` is the one to look at, unless a GPU crosses a limit.
    fn blame(&mut self, straggler: GpuId) {
        if !matches!(self.worst, Some((_, Reason::Limit(_)))) {
            self.worst = Some((straggler, Reason::Straggler));
        }
    }
}

/// The columns that tables are made of; all of one length.
pub(crate) struct Columns<'a> {
    slot: &'a [u16],
    util: &'a [u8],
    power: &'a [u16],
    temp: &'a [u8],
    clock: &'a [u8],
    activity: &'a [u8],
    quality: &'a [u8],
    limits: &'a [u8],
}

impl<'a> Columns<'a> {
    fn of(frame: &'a Frame, by: By) -> Option<Self> {
        let all = Self {
            slot: wide(frame, by.metric())?,
            util: narrow(frame, Metric::Util)?,
            power: wide(frame, Metric::Power)?,
            temp: narrow(frame, Metric::Temp)?,
            clock: narrow(frame, Metric::SmClock)?,
            activity: narrow(frame, Metric::Activity)?,
            quality: frame.qualities(),
            limits: frame.exceptions(),
        };
        let n = all.slot.len();
        let narrow = [all.util, all.temp, all.clock, all.activity, all.quality, all.limits];
        (narrow.iter().all(|c| c.len() == n) && all.power.len() == n).then_some(all)
    }

    /// The stretches of good GPUs in a range.
    fn good(&self, range: std::ops::Range<usize>) -> impl Iterator<Item = std::ops::Range<usize>> {
        let start = range.start;
        let all = stretches(&self.quality[range]).map(move |s| s.start + start..s.end + start);
        all.filter(|s| self.quality[s.start] == Quality::Good as u8)
    }
}

fn narrow(frame: &Frame, metric: Metric) -> Option<&[u8]> {
    match frame.column(metric) {
        Column::Narrow(v) => Some(v),
        Column::Wide(_) => None,
    }
}

fn wide(frame: &Frame, metric: Metric) -> Option<&[u16]> {
    match frame.column(metric) {
        Column::Wide(v) => Some(v),
        Column::Narrow(_) => None,
    }
}

#[cfg(test)]
mod tests;
