//! A finished period of the past as one thing: what the tiers, the series, the plant and the courses
//! know of 10 s or of a minute. It leaves a [`History`](crate::fleet::History) when it is finished,
//! can be written down as bytes, and is put back into an
//! [`Archive`](crate::fleet::history::Archive) later.
//!
//! The bytes are described in `docs/recording-periods.md`.

pub(crate) mod wire;

use std::sync::Arc;

use thiserror::Error;

use crate::fleet::jobs::course;
use crate::fleet::tier::{Bucket, Overview};
use crate::fleet::{plant, series};
use crate::model::facility::{HallPoint, SitePoint};
use crate::model::metric::{COUNT, Metric};
use crate::model::{Timestamp, Topology};

use wire::{Bytes, Section, Writer};

/// First bytes of every period.
const MAGIC: [u8; 4] = *b"HWPD";
/// Version of the layout of header and sections.
const VERSION: u16 = 1;
/// Numbers of the sections.
const OVERVIEW: u16 = 1;
const COURSES: u16 = 2;
const PLANT: u16 = 3;
const SERIES: u16 = 4;
const SECONDS: u16 = 5;
const TIER: u16 = 6;

/// The two lengths of periods.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Level {
    /// 10 s, of which an hour is kept.
    TenSeconds,
    /// A minute, of which a day is kept.
    Minute,
}

impl Level {
    /// Both, the finer one first.
    pub const ALL: [Self; 2] = [Self::TenSeconds, Self::Minute];

    /// Length of a period, ms.
    #[must_use]
    pub const fn period_ms(self) -> i64 {
        match self {
            Self::TenSeconds => 10_000,
            Self::Minute => 60_000,
        }
    }

    /// Index into what is kept per level.
    pub(crate) const fn index(self) -> usize {
        self as usize
    }
}

/// See the module. A part that was not there (any more) when the period was taken is left out.
/// Cloning copies pointers.
#[derive(Clone, Debug)]
pub struct Period {
    /// Its length.
    pub level: Level,
    /// Its first moment: a multiple of its length.
    pub start: Timestamp,
    /// The site that it is about. Where a site grew within a period there are two periods of the
    /// same start, of one topology each.
    pub topology: Arc<Topology>,
    /// The racks at a glance.
    pub overview: Option<Arc<Overview>>,
    /// Each GPU.
    pub(crate) tier: Option<Arc<Bucket>>,
    /// Racks, CDUs and rows, as a row of steps.
    pub(crate) plant: Option<Arc<[u16]>>,
    /// Halls and the site.
    pub(crate) series: Option<Arc<series::Bucket>>,
    /// Halls and the site second by second; only in periods of 10 s.
    pub(crate) seconds: Vec<Arc<series::Bucket>>,
    /// Jobs and tenants; only in periods of 10 s.
    pub(crate) courses: Option<Arc<course::Bucket>>,
}

/// Why bytes are not a period.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum PeriodError {
    /// They begin otherwise.
    #[error("this is not a period")]
    NotAPeriod,
    /// They are of a layout that this program does not know.
    #[error("periods of version {0} cannot be read")]
    Version(u16),
    /// They end too early.
    #[error("the period is cut off")]
    CutOff,
    /// They are of a site with other numbers of GPUs, racks, CDUs, rows or halls.
    #[error("the period is of another site")]
    OtherSite,
    /// A section does not hold what it should.
    #[error("section {0} of the period is damaged")]
    Damaged(u16),
}

impl Period {
    /// A period of which nothing is known.
    pub(crate) const fn new(level: Level, start: Timestamp, topology: Arc<Topology>) -> Self {
        Self {
            level,
            start,
            topology,
            overview: None,
            tier: None,
            plant: None,
            series: None,
            seconds: Vec::new(),
            courses: None,
        }
    }

    /// The first moment after it.
    #[must_use]
    pub const fn end(&self) -> Timestamp {
        self.start.plus_millis(self.level.period_ms())
    }

    /// True when its GPUs can be read without the period before: a good place to begin a file. Every
    /// 30th period is one.
    #[must_use]
    pub fn is_key(&self) -> bool {
        self.tier.as_ref().is_none_or(|t| t.is_key())
    }

    /// The period as bytes, without the topology. They hold no checksum: that is up to whoever keeps
    /// them.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::new(Header::of(self).to_bytes());
        if let Some(overview) = &self.overview {
            out.packed(OVERVIEW, overview.bytes());
        }
        if let Some(courses) = &self.courses {
            out.packed(COURSES, &courses.to_bytes());
        }
        if let Some(row) = &self.plant {
            out.packed(PLANT, &plant::to_bytes(row));
        }
        if let Some(series) = &self.series {
            out.packed(SERIES, &series::Bucket::to_bytes(std::slice::from_ref(series)));
        }
        if !self.seconds.is_empty() {
            out.packed(SECONDS, &series::Bucket::to_bytes(&self.seconds));
        }
        if let Some(tier) = &self.tier {
            out.plain(TIER, &tier.to_bytes());
        }
        out.finish()
    }

    /// The inverse of [`Self::encode`]. The bytes may come from anyone: nothing in them makes this
    /// panic or take more memory than a period of `topology` can need. Sections that are not known
    /// are left out, and so are those with other metrics or points than this program has.
    ///
    /// # Errors
    /// They are not a period of a site like `topology`.
    pub fn decode(bytes: &[u8], topology: &Arc<Topology>) -> Result<Self, PeriodError> {
        let mut bytes = Bytes::new(bytes);
        let header = Header::read(&mut bytes, topology)?;
        let mut period = Self::new(header.level, header.start, Arc::clone(topology));
        while !bytes.is_empty() {
            let section = Section::next(&mut bytes).ok_or(PeriodError::CutOff)?;
            if header.knows(section.id) {
                period.take(&section).ok_or(PeriodError::Damaged(section.id))?;
            }
        }
        Ok(period)
    }

    /// Only the overview of the racks out of the bytes of a period, with its level and start: reading
    /// no more than that takes microseconds. `bytes` may end after the overview, which is the first
    /// section.
    ///
    /// # Errors
    /// They are not a period of a site like `topology`.
    pub fn decode_overview(bytes: &[u8], topology: &Arc<Topology>) -> Result<Self, PeriodError> {
        let mut bytes = Bytes::new(bytes);
        let header = Header::read(&mut bytes, topology)?;
        let mut period = Self::new(header.level, header.start, Arc::clone(topology));
        if !bytes.is_empty() {
            let section = Section::next(&mut bytes).ok_or(PeriodError::CutOff)?;
            if section.id == OVERVIEW && header.knows(OVERVIEW) {
                period.take(&section).ok_or(PeriodError::Damaged(section.id))?;
            }
        }
        Ok(period)
    }

    /// Takes in a section; `None` where it is damaged.
    fn take(&mut self, section: &Section<'_>) -> Option<()> {
        let t = &self.topology;
        let buckets = |most: usize| {
            let payload = section.payload(series::Bucket::size(t, most))?;
            series::Bucket::from_bytes(&payload, t, (self.start, most))
        };
        match section.id {
            OVERVIEW => {
                let payload = section.payload(Overview::size(t))?;
                self.overview = Some(Arc::new(Overview::from_bytes(&payload, t)?));
            }
            COURSES => {
                let payload = section.payload(course::Bucket::most_bytes())?;
                self.courses = Some(Arc::new(course::Bucket::from_bytes(self.start, &payload)?));
            }
            PLANT => {
                let payload = section.payload(2 * plant::row_len(t))?;
                self.plant = Some(plant::from_bytes(&payload)).filter(|r| r.len() == plant::row_len(t));
                self.plant.as_ref()?;
            }
            SERIES => {
                self.series = Some(buckets(1)?.pop().filter(|b| b.start() == self.start)?);
            }
            SECONDS => {
                let seconds = buckets(self.level.period_ms() as usize / 1000)?;
                if seconds.last().is_some_and(|b| b.start() >= self.end()) {
                    return None;
                }
                self.seconds = seconds;
            }
            TIER => {
                let payload = section.payload(Bucket::most_bytes(t))?;
                self.tier = Some(Arc::new(Bucket::from_bytes(self.start, t, &payload)?));
            }
            _ => {}
        }
        Some(())
    }
}

/// What stands before the sections.
struct Header {
    level: Level,
    start: Timestamp,
    /// GPUs, racks, CDUs, rows, halls.
    counts: [u32; 5],
    /// Tiered metrics; metrics, site points, hall points; points of racks, CDUs and rows with a past.
    shape: [u16; 7],
}

/// What this program writes.
const SHAPE: [u16; 7] = [
    Metric::TIERED.len() as u16,
    COUNT as u16,
    SitePoint::ALL.len() as u16,
    HallPoint::ALL.len() as u16,
    plant::RACK_POINTS.len() as u16,
    plant::CDU_POINTS.len() as u16,
    plant::ROW_POINTS.len() as u16,
];

impl Header {
    fn of(period: &Period) -> Self {
        let counts = Self::counts(&period.topology);
        Self { level: period.level, start: period.start, counts, shape: SHAPE }
    }

    /// True when a section is laid out as this program has it.
    fn knows(&self, section: u16) -> bool {
        let of = match section {
            OVERVIEW | TIER => 0..1,
            SERIES | SECONDS => 1..4,
            PLANT => 4..7,
            _ => 0..0,
        };
        self.shape[of.clone()] == SHAPE[of]
    }

    fn counts(t: &Topology) -> [u32; 5] {
        [t.gpu_count(), t.racks().len(), t.cdu_count(), t.rows().len(), t.halls().len()].map(|n| n as u32)
    }

    fn to_bytes(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend(VERSION.to_le_bytes());
        out.extend([0; 2]);
        out.extend((self.level.period_ms() as u32).to_le_bytes());
        out.extend(self.start.millis().to_le_bytes());
        self.counts.iter().for_each(|n| out.extend(n.to_le_bytes()));
        self.shape.iter().for_each(|n| out.extend(n.to_le_bytes()));
        out
    }

    fn read(bytes: &mut Bytes<'_>, topology: &Topology) -> Result<Self, PeriodError> {
        if bytes.take(MAGIC.len()) != Some(&MAGIC) {
            return Err(PeriodError::NotAPeriod);
        }
        let version = bytes.u16().ok_or(PeriodError::CutOff)?;
        if version != VERSION {
            return Err(PeriodError::Version(version));
        }
        bytes.u16().ok_or(PeriodError::CutOff)?;
        let period_ms = i64::from(bytes.u32().ok_or(PeriodError::CutOff)?);
        let start = Timestamp(bytes.i64().ok_or(PeriodError::CutOff)?);
        let level = Level::ALL.into_iter().find(|l| l.period_ms() == period_ms);
        let level = level.ok_or(PeriodError::NotAPeriod)?;
        if start.millis().rem_euclid(period_ms) != 0 {
            return Err(PeriodError::NotAPeriod);
        }
        let mut counts = [0; 5];
        for n in &mut counts {
            *n = bytes.u32().ok_or(PeriodError::CutOff)?;
        }
        let mut shape = [0; 7];
        for n in &mut shape {
            *n = bytes.u16().ok_or(PeriodError::CutOff)?;
        }
        let fits = counts == Self::counts(topology);
        if fits { Ok(Self { level, start, counts, shape }) } else { Err(PeriodError::OtherSite) }
    }
}

#[cfg(test)]
mod tests;
