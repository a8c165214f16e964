//! What a scenario stands on: the parts of the site, by kind, and the jobs that hold them.

use std::ops::Range;

use crate::model::id::Span;
use crate::model::topology::Cooling;
use crate::model::{Asset, CduId, GpuId, HallId, RackId, RowId, Topology, TrayId};
use crate::source::sim::place::Kind;
use crate::source::sim::workload::Workload;

/// A kind of asset.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Level {
    /// The site.
    Site,
    /// Halls.
    Hall,
    /// Rows.
    Row,
    /// Coolant distribution units.
    Cdu,
    /// Racks.
    Rack,
    /// Trays.
    Tray,
    /// GPUs.
    Gpu,
    /// Jobs, each by one of its GPUs.
    Job,
}

impl Level {
    /// Word in files and tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Site => "site",
            Self::Hall => "hall",
            Self::Row => "row",
            Self::Cdu => "cdu",
            Self::Rack => "rack",
            Self::Tray => "tray",
            Self::Gpu => "gpu",
            Self::Job => "job",
        }
    }

    /// The asset of this kind with the number `id`; of a job, the GPU that stands for it.
    #[must_use]
    pub const fn asset(self, id: u32) -> Asset {
        match self {
            Self::Site => Asset::Site,
            Self::Hall => Asset::Hall(HallId(id)),
            Self::Row => Asset::Row(RowId(id)),
            Self::Cdu => Asset::Cdu(CduId(id)),
            Self::Rack => Asset::Rack(RackId(id)),
            Self::Tray => Asset::Tray(TrayId(id)),
            Self::Gpu | Self::Job => Asset::Gpu(GpuId(id)),
        }
    }

    /// The kind of `asset`.
    #[must_use]
    pub const fn of(asset: Asset) -> Self {
        match asset {
            Asset::Site => Self::Site,
            Asset::Hall(_) => Self::Hall,
            Asset::Row(_) => Self::Row,
            Asset::Rack(_) => Self::Rack,
            Asset::Tray(_) => Self::Tray,
            Asset::Gpu(_) => Self::Gpu,
            Asset::Cdu(_) => Self::Cdu,
        }
    }
}

/// What an asset must have for a verb to make sense.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Need {
    /// Nothing special.
    Nothing,
    /// Coolant.
    Liquid,
    /// NVLink switch trays.
    Switches,
    /// At least so many power shelves.
    Shelves(u16),
}

impl Need {
    /// What is missing where it is not met.
    #[must_use]
    pub fn missing(self) -> String {
        match self {
            Self::Nothing => String::new(),
            Self::Liquid => String::from("is cooled by liquid"),
            Self::Switches => String::from("has NVLink switch trays"),
            Self::Shelves(n) => format!("has {} power shelves", n.max(1)),
        }
    }
}

/// A job: the trays that it holds.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Job {
    trays: Range<usize>,
    training: bool,
}

/// The site and the jobs on it at the start.
#[derive(Clone, Debug)]
pub struct Ground<'a> {
    /// The site.
    pub topology: &'a Topology,
    jobs: Vec<Job>,
}

impl<'a> Ground<'a> {
    /// The ground of `topology` with the jobs of `work`.
    #[must_use]
    pub fn new(topology: &'a Topology, work: &Workload) -> Self {
        let held = work.areas.iter().filter(|a| a.held());
        let jobs = held.map(|a| Job { trays: a.trays.clone(), training: a.kind == Kind::Train });
        Self { topology, jobs: jobs.collect() }
    }

    /// The parts of kind `level` in `asset`; the one that holds it when `asset` is of a lower kind.
    /// Racks, trays and GPUs of a CDU are those of its row, and the CDUs of a rack likewise.
    #[must_use]
    pub fn parts(&self, asset: Asset, level: Level) -> Vec<u32> {
        match level {
            Level::Site => vec![0],
            Level::Job => self.job_gpus(asset),
            _ => self.span(asset, level).iter().collect(),
        }
    }

    /// The parts of kind `level` in `asset` as neighbours; for jobs, all GPUs of `asset`.
    #[must_use]
    pub fn span(&self, asset: Asset, level: Level) -> Span {
        let t = self.topology;
        let one = |id: u32| Span { start: id, end: id + 1 };
        let all = |n: usize| Span { start: 0, end: n as u32 };
        match (asset, level) {
            (Asset::Site, Level::Hall) => all(t.halls().len()),
            (Asset::Site, Level::Row) => all(t.rows().len()),
            (Asset::Site, Level::Cdu) => all(t.cdu_count()),
            (Asset::Site, Level::Rack) => all(t.racks().len()),
            (Asset::Site, Level::Tray) => all(t.trays().len()),
            (_, Level::Gpu | Level::Job) => t.gpus_of(asset),
            (_, Level::Site) => one(0),
            (Asset::Hall(h), Level::Hall) => one(h.0),
            (Asset::Hall(h), Level::Row) => t.hall(h).rows,
            (Asset::Hall(h), Level::Cdu) => t.hall(h).cdus,
            (Asset::Hall(h), Level::Rack) => t.hall(h).racks,
            (Asset::Hall(h), Level::Tray) => t.hall(h).trays,
            (Asset::Row(r), Level::Row) => one(r.0),
            (Asset::Row(r), Level::Cdu) => t.row(r).cdus,
            (Asset::Row(r), Level::Rack) => t.row(r).racks,
            (Asset::Row(r), Level::Tray) => t.row(r).trays,
            (Asset::Rack(r), Level::Rack) => one(r.0),
            (Asset::Rack(r), Level::Tray) => t.rack(r).trays,
            (Asset::Tray(id), Level::Tray) => one(id.0),
            (Asset::Cdu(c), Level::Cdu) => one(c.0),
            (Asset::Cdu(c), Level::Rack | Level::Tray) => self.span(Asset::Row(t.cdu(c).0), level),
            _ => self.span(t.parent(asset), level),
        }
    }

    /// One GPU of each job that holds GPUs of `asset`.
    fn job_gpus(&self, asset: Asset) -> Vec<u32> {
        let gpus = self.topology.gpus_of(asset);
        let first = |job: &Job| {
            let held = self.gpus_of_trays(&job.trays);
            let start = held.start.max(gpus.start);
            (start < held.end.min(gpus.end)).then_some(start)
        };
        self.jobs.iter().filter_map(first).collect()
    }

    fn gpus_of_trays(&self, trays: &Range<usize>) -> Span {
        let of = |t: usize| self.topology.trays()[t].gpus;
        match trays.is_empty() {
            true => Span::default(),
            false => Span { start: of(trays.start).start, end: of(trays.end - 1).end },
        }
    }

    /// The trays of the job that holds most of `asset`, of a training job if there is one.
    #[must_use]
    pub fn job_of(&self, asset: Asset) -> Option<Range<usize>> {
        let gpus = self.topology.gpus_of(asset);
        let held = |j: &Job| common(self.gpus_of_trays(&j.trays), gpus);
        let there = self.jobs.iter().filter(|j| held(j) > 0);
        there.max_by_key(|j| (j.training, held(j))).map(|j| j.trays.clone())
    }

    /// How much of `asset` trains, in thousandths of its GPUs; with `largest`, how much of it
    /// belongs to the largest training job.
    pub fn training(&self, largest: bool) -> impl Fn(Asset) -> usize {
        let training = self.jobs.iter().filter(|j| j.training);
        let mut spans: Vec<Span> = training.map(|j| self.gpus_of_trays(&j.trays)).collect();
        if largest {
            // The first of those that are equally large.
            let most = spans.iter().map(|s| s.len()).max().unwrap_or(0);
            let found = spans.iter().position(|s| s.len() == most);
            spans = found.map(|i| spans[i]).into_iter().collect();
        }
        move |asset| {
            let gpus = self.topology.gpus_of(asset);
            let first = spans.partition_point(|s| s.end <= gpus.start);
            let near = spans[first..].iter().take_while(|s| s.start < gpus.end);
            near.map(|s| common(*s, gpus)).sum::<usize>() * 1000 / gpus.len().max(1)
        }
    }

    /// True when part `id` of kind `level` has what `need` asks for.
    #[must_use]
    pub fn has(&self, level: Level, id: u32, need: Need) -> bool {
        let t = self.topology;
        let rack = |r: u32| {
            let model = t.rack_model(RackId(r));
            match need {
                Need::Nothing => true,
                Need::Liquid => model.cooling == Cooling::Liquid,
                Need::Switches => model.switch_trays > 0,
                Need::Shelves(n) => model.power_shelves >= n.max(1),
            }
        };
        need == Need::Nothing || self.span(level.asset(id), Level::Rack).iter().any(rack)
    }
}

/// How many ids two spans have in common.
fn common(a: Span, b: Span) -> usize {
    a.end.min(b.end).saturating_sub(a.start.max(b.start)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_go_down_and_up_the_tree() {
        let t = Topology::default_site();
        let ground = Ground::new(&t, &Workload::new(&t, 7));
        let count = |name: &str, level| ground.parts(t.find(name).expect("it exists"), level).len();
        assert_eq!(count("H3-R05", Level::Cdu), 2);
        assert_eq!(count("H3", Level::Row), 22);
        assert_eq!(count("H3-R05", Level::Gpu), 576);
        assert_eq!(count("H3-R05-K2-T03", Level::Rack), 1);
        assert_eq!(count("H3-R05-K2", Level::Cdu), 2);
        assert_eq!(count("H3-R05-K2-T03-G1", Level::Hall), 1);
        assert_eq!(count("site", Level::Tray), 25_056);
        let cdu = Asset::Cdu(CduId(9));
        assert_eq!(ground.parts(cdu, Level::Cdu), [9]);
        assert_eq!(ground.parts(cdu, Level::Rack).len(), 8);
        assert_eq!(ground.parts(cdu, Level::Row), [4]);
    }

    #[test]
    fn a_job_is_named_by_its_first_gpu_in_the_asset() {
        let t = Topology::default_site();
        let ground = Ground::new(&t, &Workload::new(&t, 7));
        let job = ground.jobs.iter().max_by_key(|j| j.trays.len()).expect("there are jobs");
        let middle = GpuId(ground.gpus_of_trays(&job.trays).start + 9000);
        let rack = Asset::Rack(t.rack_of(middle));
        assert_eq!(ground.parts(rack, Level::Job), [t.rack(t.rack_of(middle)).gpus.start]);
        assert_eq!(ground.job_of(Asset::Gpu(middle)), Some(job.trays.clone()));
        assert_eq!(ground.training(true)(rack), 1000);
        assert!(ground.parts(Asset::Site, Level::Job).len() > 20);
    }

    #[test]
    fn what_a_rack_has_comes_from_its_model() {
        let t = Topology::default_site();
        let ground = Ground::new(&t, &Workload::new(&t, 7));
        assert!(ground.has(Level::Tray, 5, Need::Liquid) && ground.has(Level::Rack, 5, Need::Switches));
        assert!(
            ground.has(Level::Rack, 0, Need::Shelves(8)) && !ground.has(Level::Rack, 0, Need::Shelves(9))
        );
        let text = include_str!("../../../../sites/air-cooled.toml");
        let air = Topology::from_toml(text, "air").expect("valid");
        let ground = Ground::new(&air, &Workload::new(&air, 7));
        assert!(!ground.has(Level::Hall, 0, Need::Liquid) && ground.has(Level::Gpu, 3, Need::Nothing));
        assert!(ground.parts(Asset::Site, Level::Cdu).is_empty());
    }
}
