//! Courses at play: the queue of what is due, and what each act does to GPUs, trays and racks.

use std::collections::BTreeMap;

use crate::model::topology::Topology;
use crate::model::{GpuId, Health, TrayId};
use crate::source::sim::fault::arrivals::Busy;
use crate::source::sim::fault::course::{Act, REPLACEMENT, Step};
use crate::source::sim::fault::table::{Kind, Only, Place, Row};
use crate::source::sim::fault::{Changes, Fault, Faults, Mark, Trouble};
use crate::source::sim::noise::Rng;

const DAY: u64 = 86_400;
/// A GPU that has so many incidents of one kind within a week is replaced: gpud, too, asks for an
/// inspection when two reboots have not ended one XID.
const TOO_MANY: usize = 3;
/// How many GPUs with incidents are remembered before those that are long ago are forgotten.
const SWEEP: usize = 1024;

/// A course on its way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Course {
    pub steps: &'static [Step],
    pub next: usize,
    pub gpu: usize,
    /// The GPU shall not come back before it has been replaced.
    pub condemned: bool,
}

/// Something that is due.
#[derive(Clone, Debug)]
pub(super) enum Item {
    /// The next step of a course.
    Course(Course),
    /// The driver repeats itself, and so many times more.
    Echo(usize, u16, u64),
    /// The driver of a tray is loaded anew.
    Reload(usize),
    /// Trouble without a course begins, or ends.
    Begin(Trouble),
    End(Trouble),
}

/// What is due, in order of time and, within a tick, in the order in which it was noted.
#[derive(Clone, Debug, Default)]
pub(super) struct Queue {
    items: BTreeMap<(u64, u64), Item>,
    count: u64,
}

impl Queue {
    pub fn push(&mut self, tick: u64, item: Item) {
        self.items.insert((tick, self.count), item);
        self.count += 1;
    }

    /// The first item that is due by `tick`, and its own tick.
    pub fn pop(&mut self, tick: u64) -> Option<(u64, Item)> {
        let first = self.items.first_entry().filter(|e| e.key().0 <= tick)?;
        let ((due, _), item) = first.remove_entry();
        Some((due, item))
    }

    pub fn next_tick(&self) -> Option<u64> {
        self.items.keys().next().map(|(tick, _)| *tick)
    }

    pub fn len(&self) -> usize {
        self.items.len()
    }
}

/// Incidents of single GPUs in the last week.
#[derive(Clone, Debug, Default)]
pub(super) struct Past {
    kinds: BTreeMap<(usize, Kind), Vec<u64>>,
    fallen: BTreeMap<usize, u64>,
    sweep: usize,
}

impl Past {
    /// Notes an incident; true when it is one too many: the second fall off the bus within a day,
    /// or the third of its kind within a week.
    pub fn note(&mut self, gpu: usize, (kind, fell): (Kind, bool), tick: u64) -> bool {
        let week = tick.saturating_sub(7 * DAY);
        let past = self.kinds.entry((gpu, kind)).or_default();
        past.retain(|t| *t > week || week == 0);
        past.push(tick);
        let again = fell && self.fallen.insert(gpu, tick).is_some_and(|last| tick - last <= DAY);
        let many = past.len() >= TOO_MANY;
        if self.kinds.len() > self.sweep {
            self.kinds.retain(|_, past| past.last().is_some_and(|t| *t > week || week == 0));
            self.fallen.retain(|_, last| tick - *last <= DAY);
            self.sweep = SWEEP.max(2 * self.kinds.len());
        }
        again || many
    }

    pub fn forget(&mut self, gpu: usize) {
        self.kinds.retain(|(g, _), _| *g != gpu);
        self.fallen.remove(&gpu);
    }

    pub fn len(&self) -> usize {
        self.kinds.len() + self.fallen.len()
    }
}

impl Faults {
    /// A fault of `row` comes: it finds its GPU and begins its course.
    pub(super) fn arrive(
        &mut self,
        row: &'static Row,
        tick: u64,
        (topology, work): (&Topology, &impl Busy),
        changes: &mut Changes,
    ) {
        let Some(gpu) = self.arrivals.place(row.place, topology, work, &self.held) else { return };
        let gpu = gpu as usize;
        let Some(mode) = self.arrivals.mode(row, generation(topology, gpu)) else { return };
        changes.begun.push((row.kind, gpu));
        let fell = mode.steps.iter().any(|s| s.act == Act::Lose);
        let counts = row.is_incident() && row.place == Place::Hardware;
        let condemned = counts && self.past.note(gpu, (row.kind, fell), tick);
        self.play(Course { steps: mode.steps, next: 0, gpu, condemned }, tick, topology, changes);
    }

    /// Does what is due.
    pub(super) fn run(&mut self, item: Item, tick: u64, topology: &Topology, changes: &mut Changes) {
        match item {
            Item::Course(course) => self.play(course, tick, topology, changes),
            Item::Echo(gpu, code, left) => {
                self.log.line(gpu, code, tick);
                self.echo(gpu, code, left, tick);
            }
            Item::Reload(tray) => {
                self.log.reloaded(tray);
                let gpus = topology.trays()[tray].gpus.range();
                if self.held[tray] {
                    self.await_reload(tray, tick);
                } else {
                    for gpu in gpus {
                        self.marks.remove(&gpu);
                    }
                    changes.shown = true;
                }
            }
            Item::Begin(trouble) => self.active.push(Fault { trouble, from: tick }),
            Item::End(trouble) => self.end(&trouble),
        }
    }

    /// Does the steps of `course` that are due, and notes the one that is not.
    pub(super) fn play(&mut self, mut course: Course, tick: u64, topology: &Topology, changes: &mut Changes) {
        let tray = topology.tray_of(GpuId::new(course.gpu));
        while let Some(step) = course.steps.get(course.next) {
            if course.condemned && matches!(step.act, Act::Up | Act::Reset) {
                course = Course { steps: REPLACEMENT, next: 0, condemned: false, ..course };
                self.past.forget(course.gpu);
                self.arrivals.replace(course.gpu as u32, topology.gpu_count());
                continue;
            }
            course.condemned |= step.act == Act::Condemn;
            self.act(step.act, course.gpu, (tray, tick), (topology, changes));
            course.next += 1;
            let Some(next) = course.steps.get(course.next) else { break };
            let wait = wait(&mut self.rng, next.wait);
            if wait > 0 {
                self.held[tray.index()] = true;
                self.queue.push(tick + wait, Item::Course(course));
                return;
            }
        }
        self.held[tray.index()] = false;
    }

    pub(super) fn act(
        &mut self,
        act: Act,
        gpu: usize,
        (tray, tick): (TrayId, u64),
        (topology, changes): (&Topology, &mut Changes),
    ) {
        match act {
            Act::Xid(code) => self.raise(gpu, code, (tray, tick), changes),
            Act::Recovery(action) => {
                self.raise(gpu, 154, (tray, tick), changes);
                self.marked(gpu, changes).recovery = action;
            }
            Act::Strike => changes.struck.push(gpu),
            Act::Degrade => self.marked(gpu, changes).health = Health::Degraded,
            Act::Clear => self.marked(gpu, changes).health = Health::Ok,
            Act::Unlink => self.marked(gpu, changes).unlinked = true,
            Act::Sicken => {
                self.marked(gpu, changes).health = Health::Unhealthy;
                self.put(Trouble::Sick(gpu), tick);
            }
            Act::Lose => self.lose(gpu, tick, changes),
            Act::Reset => {
                let xid = self.mark(gpu).xid;
                *self.marked(gpu, changes) = Mark { xid, ..Mark::NONE };
                self.free(gpu, changes);
            }
            Act::Condemn => {}
            Act::Heat => {
                let kelvin = self.rng.between(6.0, 15.0);
                self.put(Trouble::Hotter(gpu, kelvin), tick);
            }
            Act::Down => {
                for g in topology.tray(tray).gpus.range() {
                    self.lose(g, tick, changes);
                }
            }
            Act::Drain => self.drain(gpu, (tray, tick), (topology, changes)),
            Act::Silence => {
                let trouble = Trouble::Silent(tray.index()..tray.index() + 1);
                self.active.push(Fault { trouble, from: tick });
            }
            Act::Up => self.up(tray, topology, changes),
            Act::SilenceRack | Act::SpeakRack | Act::ShelfFail | Act::ShelfBack => {
                self.act_on_rack(act, gpu, (tray, tick), (topology, changes));
            }
        }
    }

    fn act_on_rack(
        &mut self,
        act: Act,
        gpu: usize,
        (tray, tick): (TrayId, u64),
        (topology, changes): (&Topology, &mut Changes),
    ) {
        let id = topology.tray(tray).rack;
        let silent = Trouble::Silent(topology.rack(id).trays.range());
        let shelves = topology.rack_model(id).power_shelves > 0;
        match act {
            Act::SilenceRack => self.active.push(Fault { trouble: silent, from: tick }),
            Act::SpeakRack => self.end(&silent),
            Act::ShelfFail if shelves => {
                self.active.push(Fault { trouble: Trouble::Shelf(id.index()), from: tick });
            }
            Act::ShelfBack if shelves => self.end(&Trouble::Shelf(id.index())),
            Act::ShelfFail => {
                changes.struck.push(gpu);
                self.act(Act::Silence, gpu, (tray, tick), (topology, changes));
            }
            _ => self.up(tray, topology, changes),
        }
    }

    /// Logs an XID, with the repeats that drivers are known for.
    fn raise(&mut self, gpu: usize, code: u16, (tray, tick): (TrayId, u64), changes: &mut Changes) {
        if !self.log.line(gpu, code, tick) {
            return;
        }
        self.marked(gpu, changes).xid = code;
        changes.xids.push((gpu, code));
        self.await_reload(tray.index(), tick);
        let echoes = if self.rng.chance(0.5) { self.rng.whole(1, 6) } else { 0 };
        self.echo(gpu, code, echoes, tick);
    }

    fn echo(&mut self, gpu: usize, code: u16, left: u64, tick: u64) {
        if left > 0 {
            let gap = self.rng.whole(1, 4);
            self.queue.push(tick + gap, Item::Echo(gpu, code, left - 1));
        }
    }

    pub(super) fn await_reload(&mut self, tray: usize, tick: u64) {
        if let Some(due) = self.log.await_reload(tray, tick) {
            self.queue.push(due, Item::Reload(tray));
        }
    }

    fn marked(&mut self, gpu: usize, changes: &mut Changes) -> &mut Mark {
        changes.shown = true;
        self.marks.entry(gpu).or_insert(Mark::NONE)
    }

    /// Puts a GPU into trouble, in place of the one that its course had it in before.
    fn put(&mut self, trouble: Trouble, tick: u64) {
        let gpu = trouble.gpu();
        match self.active.iter_mut().find(|f| f.trouble.gpu() == gpu && f.trouble.of_course()) {
            Some(fault) => fault.trouble = trouble,
            None => self.active.push(Fault { trouble, from: tick }),
        }
    }

    /// Takes a GPU out of the trouble of its course.
    fn free(&mut self, gpu: usize, changes: &mut Changes) {
        let before = self.active.len();
        self.active.retain(|f| f.trouble.gpu() != Some(gpu) || !f.trouble.of_course());
        if self.active.len() < before {
            changes.freed.push(gpu);
        }
    }

    fn lose(&mut self, gpu: usize, tick: u64, changes: &mut Changes) {
        let mark = self.marked(gpu, changes);
        mark.health = Health::Lost;
        if mark.xid == 79 {
            mark.recovery = 2;
        }
        self.put(Trouble::Lost(gpu), tick);
    }

    /// Takes a tray out of use. A GPU that fell off the bus stays gone; those that were gone with
    /// the tray are back, with their driver loaded anew.
    fn drain(
        &mut self,
        gpu: usize,
        (tray, tick): (TrayId, u64),
        (topology, changes): (&Topology, &mut Changes),
    ) {
        for g in topology.tray(tray).gpus.range() {
            let mark = self.mark(g);
            if g == gpu && mark.health == Health::Lost && mark.xid == 79 {
                continue;
            }
            let kept = if mark.health == Health::Lost { Mark::NONE } else { mark };
            *self.marked(g, changes) = Mark { health: Health::Maintenance, ..kept };
            self.put(Trouble::Sick(g), tick);
        }
    }

    fn up(&mut self, tray: TrayId, topology: &Topology, changes: &mut Changes) {
        self.end(&Trouble::Silent(tray.index()..tray.index() + 1));
        for gpu in topology.tray(tray).gpus.range() {
            self.free(gpu, changes);
            self.marks.remove(&gpu);
        }
        changes.shown = true;
    }

    /// Ends one trouble like `trouble`.
    fn end(&mut self, trouble: &Trouble) {
        if let Some(at) = self.active.iter().position(|f| f.trouble == *trouble) {
            self.active.remove(at);
        }
    }

    /// How much is remembered: for the test that nothing piles up.
    #[must_use]
    pub fn burden(&self) -> usize {
        self.active.len() + self.marks.len() + self.queue.len() + self.past.len()
    }
}

impl Trouble {
    /// True when a course has brought it about, not the GPU's own nature.
    const fn of_course(&self) -> bool {
        matches!(self, Self::Lost(_) | Self::Sick(_) | Self::Hotter(..))
    }
}

/// Which NVLink a GPU has, by the first letters of its product: Hopper and before name their
/// errors otherwise.
fn generation(topology: &Topology, gpu: usize) -> Only {
    let name = &topology.gpu_model(GpuId::new(gpu)).name;
    if name.starts_with(['A', 'H', 'V', 'P']) && !name.starts_with("VR") {
        Only::Before
    } else {
        Only::NvLink5
    }
}

/// Draws a wait; repairs that take long sometimes take four times as long.
fn wait(rng: &mut Rng, (low, high): (u32, u32)) -> u64 {
    if high == 0 {
        return 0;
    }
    let seconds = rng.whole(u64::from(low), u64::from(high));
    if high > 300 && rng.chance(0.1) { 4 * seconds } else { seconds }
}
