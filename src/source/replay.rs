//! A recording as a source: its values, as whole columns, go through the engine and the rules of
//! today. Names of jobs, silent trays and the values of the plant come with them.
//!
//! Frames keep their moments. What the engine works out itself is worked out anew: ages, qualities,
//! roll-ups, alarms; so a tray that fell silent counts as stale a few seconds later than it did.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::MissedTickBehavior;

use crate::fleet::{Frame, Snapshot};
use crate::model::batch::{DenseBatch, JobName, SourceId};
use crate::model::entry::SourceStatus;
use crate::model::facility::{CduPoint, HallPoint, RackPoint, RowPoint, SitePoint};
use crate::model::{
    Batch, CduId, Column, Entry, FacilityReading, HallId, Metric, RackId, RowId, Timestamp, Topology,
};
use crate::record::{Cursor, RecordError, Recording};
use crate::source::{Outlet, Stopped};

/// Polling interval that is told to the engine, ms: that of the console that recorded.
const INTERVAL_MS: u32 = 1000;
/// Longest gap that is waited through, ms of the recording.
const LONGEST_GAP_MS: i64 = 5_000;

/// Names of the slots of jobs and tenants.
type Tables = (Arc<[JobName]>, Arc<[String]>);

/// See the module.
#[derive(Debug)]
pub struct Replay {
    cursor: Cursor,
    site: Arc<Topology>,
    name: String,
    begun: bool,
    /// Tables of names as they were told, and the slots of tenants that follow from them.
    names: Option<Tables>,
    tenants: Vec<String>,
    /// Values of the site that were told before: those that are not told any more end.
    told: Vec<SitePoint>,
}

impl Replay {
    /// Opens a recording: a file, or a folder of files.
    ///
    /// # Errors
    /// There is none that can be read.
    pub fn open(path: &Path) -> Result<Self, RecordError> {
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
        let name = format!("replay {}", crate::model::text::clean(&name));
        let mut cursor = Cursor::new(Recording::open(path)?)?;
        // A site only grows: that of the end has everything. Where the end cannot be read, the start.
        let last = cursor.seek(Timestamp(i64::MAX)).or_else(|_| cursor.seek(Timestamp(i64::MIN)))?;
        Ok(Self {
            site: Arc::clone(&last.frame.topology),
            cursor,
            name,
            begun: false,
            names: None,
            tenants: Vec::new(),
            told: Vec::new(),
        })
    }

    /// The site that batches are about.
    #[must_use]
    pub const fn topology(&self) -> &Arc<Topology> {
        &self.site
    }

    /// The same for an engine that was started with `site`, which is as large.
    #[must_use]
    pub fn of_site(mut self, site: &Arc<Topology>) -> Self {
        if *self.site == **site {
            self.site = Arc::clone(site);
        }
        self
    }

    /// What it says of itself as source `source`.
    #[must_use]
    pub fn status(&self, source: SourceId) -> SourceStatus {
        let time = self.cursor.recording().span().map_or(Timestamp::default(), |(first, _)| first);
        SourceStatus {
            source,
            name: self.name.clone(),
            time,
            interval_ms: INTERVAL_MS,
            ..SourceStatus::default()
        }
    }

    /// The values of the next frame; `None` at the end. Frames that cannot be read are passed over.
    ///
    /// # Errors
    /// The disk failed.
    pub fn step(&mut self, source: SourceId) -> Result<Option<Batch>, RecordError> {
        loop {
            let begun = std::mem::replace(&mut self.begun, true);
            let next = match begun {
                false => self.cursor.seek(Timestamp(i64::MIN)).map(Some),
                true => self.cursor.next(),
            };
            match next {
                Ok(snapshot) => return Ok(snapshot.map(|s| self.batch(&s, source))),
                Err(RecordError::Damaged { .. }) if self.cursor.skip() => {}
                Err(RecordError::Damaged { .. }) => return Ok(None),
                Err(e) => return Err(e),
            }
        }
    }

    fn batch(&mut self, snapshot: &Snapshot, source: SourceId) -> Batch {
        let old = &snapshot.frame.topology;
        let (frame, trays) = if **old == *self.site {
            (Arc::clone(&snapshot.frame), snapshot.trays.to_vec())
        } else {
            let frame = snapshot.frame.remapped(&self.site, &self.site.remap_from(old));
            let answers = |from: u32| snapshot.trays.get(from as usize).copied().unwrap_or(false);
            (Arc::new(frame), self.site.trays_from(old).into_iter().map(answers).collect())
        };
        let jobs = self.jobs(&frame);
        let sent = |m: &Metric| !matches!(m, Metric::Age | Metric::Tenant);
        let mut columns: Vec<(Metric, Column)> =
            Metric::ALL.into_iter().filter(sent).map(|m| (m, frame.column(m).clone())).collect();
        columns.push((Metric::Tenant, self.tenant_column(&frame)));
        let silent = trays.iter().zip(0..).filter(|(answers, _)| !**answers).map(|(_, t)| t).collect();
        let dense = Some(DenseBatch { columns, silent, jobs });
        Batch { dense, facility: self.facility(&frame), ..Batch::new(source, frame.time) }
    }

    /// The table of jobs where it has changed. The engine numbers tenants in the order in which they
    /// appear in it: those without a job stand at its end.
    fn jobs(&mut self, frame: &Frame) -> Option<Arc<[JobName]>> {
        let now = (Arc::clone(&frame.jobs), Arc::clone(&frame.tenants));
        if self.names.as_ref() == Some(&now) {
            return None;
        }
        let mut jobs = now.0.to_vec();
        let has_job = |t: &&String| t.is_empty() || now.0.iter().any(|j| j.tenant == **t);
        let lone = now.1.iter().filter(|t| !has_job(t));
        jobs.extend(lone.map(|t| JobName { tenant: t.clone(), ..JobName::default() }));
        if self.tenants.is_empty() {
            self.tenants.push(String::new());
        }
        for job in &jobs {
            if !self.tenants.contains(&job.tenant) {
                self.tenants.push(job.tenant.clone());
            }
        }
        self.names = Some(now);
        Some(jobs.into())
    }

    /// Slots of tenants as the engine numbers them.
    fn tenant_column(&self, frame: &Frame) -> Column {
        let slot = |name: &String| self.tenants.iter().position(|t| t == name).unwrap_or(0) as u16;
        let slots: Vec<u16> = frame.tenants.iter().map(slot).collect();
        let column = frame.column(Metric::Tenant);
        let none = Metric::Tenant.none_raw();
        let raw = |g: usize| match column.raw(g) {
            r if r == none => none,
            r => slots.get(usize::from(r)).copied().unwrap_or(0),
        };
        Column::from_raw(Metric::Tenant, (0..column.len()).map(raw))
    }

    fn facility(&mut self, frame: &Frame) -> Vec<FacilityReading> {
        let (t, f) = (&self.site, &frame.facility);
        let mut out = Vec::new();
        for id in (0..t.racks().len()).map(RackId::new) {
            let read = |p: &RackPoint| f.rack(id, *p).map(|v| FacilityReading::Rack(id, *p, v));
            out.extend(RackPoint::ALL.iter().filter_map(read));
        }
        for id in (0..t.cdu_count()).map(CduId::new) {
            let read = |p: &CduPoint| f.cdu(id, *p).map(|v| FacilityReading::Cdu(id, *p, v));
            out.extend(CduPoint::ALL.iter().filter_map(read));
        }
        for id in (0..t.rows().len()).map(RowId::new) {
            let read = |p: &RowPoint| f.row(id, *p).map(|v| FacilityReading::Row(id, *p, v));
            out.extend(RowPoint::ALL.iter().filter_map(read));
        }
        for id in (0..t.halls().len()).map(HallId::new) {
            let read = |p: &HallPoint| f.hall(id, *p).map(|v| FacilityReading::Hall(id, *p, v));
            out.extend(HallPoint::ALL.iter().filter_map(read));
        }
        let told: Vec<SitePoint> = SitePoint::ALL.iter().copied().filter(|p| f.site(*p).is_some()).collect();
        let ended = self.told.iter().filter(|p| !told.contains(p));
        out.extend(ended.map(|p| FacilityReading::SiteEnds(*p)));
        out.extend(told.iter().filter_map(|p| Some(FacilityReading::Site(*p, f.site(*p)?))));
        self.told = told;
        out
    }
}

/// Plays the recording at `speed` times its own, once. Long gaps are not waited through.
///
/// # Errors
/// The engine has stopped.
pub async fn run(mut replay: Replay, speed: f64, outlet: Outlet) -> Result<(), Stopped> {
    let speed = if speed.is_finite() { speed.clamp(0.01, 3600.0) } else { 1.0 };
    outlet.send(Entry::Source(replay.status(outlet.source))).await?;
    let mut last: Option<Timestamp> = None;
    loop {
        let batch = match replay.step(outlet.source) {
            Ok(Some(batch)) => batch,
            ended => {
                let note = match ended {
                    Err(e) => crate::model::text::clean(&e.to_string()),
                    _ => String::from("the recording has ended"),
                };
                let time = last.unwrap_or_default();
                let status = SourceStatus { note: Some(note), time, ..replay.status(outlet.source) };
                return outlet.send(Entry::Source(status)).await;
            }
        };
        let gap = last.map_or(0, |l| batch.time.since(l)).clamp(0, LONGEST_GAP_MS);
        if gap > 0 {
            let period = Duration::from_secs_f64(gap as f64 / 1000.0 / speed).max(Duration::from_micros(1));
            let mut timer = tokio::time::interval(period);
            timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
            // The first tick comes at once.
            timer.tick().await;
            timer.tick().await;
        }
        last = Some(batch.time);
        outlet.send(Entry::Batch(batch)).await?;
    }
}
