//! One condition watched at all assets of its kind: delays and deadband without a timer per asset.
//!
//! What stands is a byte per asset, compared with the answers of the tick as two columns. Only the
//! assets where both differ are looked at one by one.

use std::collections::{BTreeMap, BTreeSet};

use crate::fleet::query::{FALSE, Memory, Plan, Scan, TRUE, UNKNOWN};
use crate::model::alarm::rule::Scope;
use crate::model::{Timestamp, Topology};

/// What a tick changed, past the delays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changed {
    /// Assets at which the condition stands now.
    pub raised: Vec<u32>,
    /// Assets at which it is gone.
    pub cleared: Vec<u32>,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Watch {
    /// Index of the rule.
    pub rule: usize,
    /// The condition.
    pub plan: Plan,
    memory: Memory,
    on_ms: i64,
    off_ms: i64,
    /// [`TRUE`] where the condition stands, else [`FALSE`].
    active: Vec<u8>,
    /// Assets whose answer differs from what stands, and since when.
    pending: BTreeMap<u32, Timestamp>,
    /// Assets at which it stands or begins to.
    standing: BTreeSet<u32>,
    /// No asset has an answer.
    missing: bool,
}

impl Watch {
    /// A condition that stands nowhere yet.
    #[must_use]
    pub fn new(rule: usize, plan: Plan, (on_ms, off_ms): (i64, i64)) -> Self {
        Self {
            rule,
            plan,
            memory: Memory::default(),
            on_ms,
            off_ms,
            active: Vec::new(),
            pending: BTreeMap::new(),
            standing: BTreeSet::new(),
            missing: false,
        }
    }

    /// The kind of asset.
    #[must_use]
    pub const fn scope(&self) -> Scope {
        self.plan.scope()
    }

    /// True when no asset has an answer: a value that it needs is reported nowhere.
    #[must_use]
    pub const fn is_missing(&self) -> bool {
        self.missing
    }

    /// Assets at which the condition stands or begins to: what it suppresses is quiet from then on.
    #[must_use]
    pub const fn standing(&self) -> &BTreeSet<u32> {
        &self.standing
    }

    /// Assets at which it stands.
    pub fn active(&self) -> impl Iterator<Item = u32> {
        self.active.iter().enumerate().filter(|(_, a)| **a == TRUE).map(|(i, _)| i as u32)
    }

    /// Says that it stands at an asset, as after a restart.
    pub fn set_active(&mut self, index: u32, count: usize) {
        self.active.resize(count, FALSE);
        if let Some(a) = self.active.get_mut(index as usize) {
            *a = TRUE;
            self.standing.insert(index);
        }
    }

    /// The condition is looked at anew at an asset, past its delay.
    pub fn restart(&mut self, index: u32) {
        if let Some(a) = self.active.get_mut(index as usize) {
            *a = FALSE;
        }
        self.standing.remove(&index);
        self.pending.remove(&index);
    }

    /// The condition stands at an asset, but is not told of: it keeps nothing else quiet either.
    pub fn mute(&mut self, index: u32) {
        self.standing.remove(&index);
    }

    /// Why it stands at an asset, in words.
    #[must_use]
    pub fn explain(&self, scan: &Scan<'_>, index: u32) -> String {
        self.plan.explain(scan, index as usize, &self.memory)
    }

    /// Takes in a moment.
    pub fn step(&mut self, scan: &Scan<'_>) -> Changed {
        let answers = self.answers(scan);
        self.missing = !answers.is_empty() && answers.iter().all(|a| *a == UNKNOWN);
        self.active.resize(answers.len(), FALSE);
        let now = scan.frame.time;
        self.find_pending(&answers, now);
        let (on, off) = (self.on_ms, self.off_ms);
        let mut changed = Changed::default();
        let Self { active, pending, standing, .. } = self;
        pending.retain(|index, since| {
            let i = *index as usize;
            let (answer, stands) = (answers[i], active[i]);
            if answer == UNKNOWN {
                // Stale data neither raises nor clears; the delay begins anew when it is back.
                *since = now;
                return true;
            }
            if answer == stands {
                if stands == FALSE {
                    standing.remove(index);
                }
                return false;
            }
            let delay = if answer == TRUE { on } else { off };
            if now.since(*since) < delay {
                return true;
            }
            active[i] = answer;
            if answer == TRUE {
                changed.raised.push(*index);
            } else {
                standing.remove(index);
                changed.cleared.push(*index);
            }
            false
        });
        changed
    }

    /// The answers of the moment; with the deadband where the condition stands.
    fn answers(&mut self, scan: &Scan<'_>) -> Vec<u8> {
        let mut answers = self.plan.answers(scan, &mut self.memory);
        if self.active.contains(&TRUE)
            && let Some(held) = self.plan.held(scan, &mut self.memory)
        {
            for ((answer, held), active) in answers.iter_mut().zip(held).zip(&self.active) {
                if *active == TRUE {
                    *answer = held.max(*answer);
                }
            }
        }
        if self.scope() == Scope::Job {
            // A job that is not there has no alarm.
            let here = scan.frame.sums(crate::fleet::jobs::By::Job);
            for (slot, answer) in answers.iter_mut().enumerate() {
                if here.get(slot).is_none_or(|s| s.good == 0) {
                    *answer = FALSE;
                }
            }
        }
        answers
    }

    /// Notes the assets whose answer is known and differs from what stands.
    fn find_pending(&mut self, answers: &[u8], now: Timestamp) {
        const BLOCK: usize = 128;
        let blocks = answers.chunks(BLOCK).zip(self.active.chunks(BLOCK)).enumerate();
        for (block, (answers, active)) in blocks {
            // Answers are 0, 1 or 2, what stands is 0 or 2: both differ where the second bit does,
            // and the answer is not 1.
            let differ = |(a, s): (&u8, &u8)| (a ^ s) & 2 & !(a << 1);
            if answers.iter().zip(active).map(differ).fold(0, |x, y| x | y) == 0 {
                continue;
            }
            for (i, pair) in answers.iter().zip(active).enumerate() {
                if differ(pair) != 0 {
                    let index = (block * BLOCK + i) as u32;
                    self.pending.entry(index).or_insert(now);
                    if *pair.0 == TRUE {
                        self.standing.insert(index);
                    }
                }
            }
        }
    }

    /// Moves everything to another topology; what is gone is forgotten. Memories begin anew.
    pub fn remap(&mut self, old: &Topology, new: &Topology) {
        if self.scope() == Scope::Job {
            return;
        }
        let to = |index: u32| {
            let asset = Scan::asset(self.plan.scope(), index as usize)?;
            Some(index_of(old.same(asset, new)?))
        };
        let active: Vec<u32> = self.active().filter_map(to).collect();
        self.pending = self.pending.iter().filter_map(|(i, t)| Some((to(*i)?, *t))).collect();
        self.standing = self.standing.iter().filter_map(|i| to(*i)).collect();
        self.active.clear();
        self.memory.clear();
        let count = Scan::count_in(new, self.plan.scope());
        active.into_iter().for_each(|i| self.set_active(i, count));
    }
}

/// The index of an asset among those of its kind.
#[must_use]
pub const fn index_of(asset: crate::model::Asset) -> u32 {
    use crate::model::Asset;
    match asset {
        Asset::Site => 0,
        Asset::Hall(id) => id.0,
        Asset::Row(id) => id.0,
        Asset::Rack(id) => id.0,
        Asset::Tray(id) => id.0,
        Asset::Gpu(id) => id.0,
        Asset::Cdu(id) => id.0,
    }
}
