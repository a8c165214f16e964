//! Gathering the values of one period.

use std::sync::Arc;

use crate::fleet::frame::Frame;
use crate::fleet::tier::{METRICS, NONE, shift};
use crate::model::{Column, Metric, Quality, Timestamp, Topology};

/// Samples that a period takes in: their sum still fits two bytes. What comes later in a period is
/// not needed for its picture.
const MOST_SAMPLES: u8 = 250;

/// One moment: the columns of a frame that tiers keep, shared with it.
#[derive(Clone, Debug)]
pub(super) struct Sample {
    columns: [Column; METRICS],
    quality: Arc<[u8]>,
}

impl Sample {
    fn of(frame: &Frame) -> Self {
        Self { columns: Metric::TIERED.map(|m| frame.column(m).clone()), quality: Arc::clone(&frame.quality) }
    }

    /// True when both are of the very same columns: nothing changed between them.
    pub(super) fn same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.quality, &other.quality)
            && self.columns.iter().zip(&other.columns).all(|(a, b)| a.same(b))
    }

    /// Its good values of tiered metric number `i` in bytes.
    fn write(&self, i: usize, out: &mut Vec<u8>) {
        let shift = shift(Metric::TIERED[i]);
        let good = |q: &u8| *q == Quality::Good as u8;
        let quality = self.quality.iter();
        out.clear();
        match &self.columns[i] {
            Column::Narrow(v) => {
                out.extend(v.iter().zip(quality).map(|(v, q)| if good(q) { *v } else { NONE }));
            }
            Column::Wide(v) => {
                out.extend(v.iter().zip(quality).map(|(v, q)| {
                    if good(q) && *v != u16::MAX { (*v >> shift).min(254) as u8 } else { NONE }
                }))
            }
        }
    }
}

/// Minimum, mean and maximum per GPU, one plane each per metric.
#[derive(Debug)]
pub(super) struct Values {
    pub(super) min: [Vec<u8>; METRICS],
    pub(super) mean: [Vec<u8>; METRICS],
    pub(super) max: [Vec<u8>; METRICS],
}

/// One finished period.
#[derive(Debug)]
pub(super) struct Exact {
    pub(super) start: Timestamp,
    pub(super) topology: Arc<Topology>,
    content: Content,
}

#[derive(Debug)]
enum Content {
    /// A single moment: all three are its values.
    One(Sample),
    Many(Box<Values>),
}

impl Exact {
    /// Its moment, where it has a single one.
    pub(super) const fn only(&self) -> Option<&Sample> {
        if let Content::One(sample) = &self.content { Some(sample) } else { None }
    }

    /// Its values.
    pub(super) fn into_values(self) -> Box<Values> {
        match self.content {
            Content::Many(values) => values,
            Content::One(sample) => {
                let plane = |i: usize| {
                    let mut out = Vec::new();
                    sample.write(i, &mut out);
                    out
                };
                let mean: [Vec<u8>; METRICS] = std::array::from_fn(plane);
                Box::new(Values { min: mean.clone(), max: mean.clone(), mean })
            }
        }
    }
}

/// What several moments make together.
#[derive(Debug)]
struct Sums {
    min: [Vec<u8>; METRICS],
    max: [Vec<u8>; METRICS],
    sum: [Vec<u16>; METRICS],
    count: [Vec<u8>; METRICS],
}

impl Sums {
    fn new(n: usize) -> Self {
        Self {
            min: std::array::from_fn(|_| vec![NONE; n]),
            max: std::array::from_fn(|_| vec![0; n]),
            sum: std::array::from_fn(|_| vec![0; n]),
            count: std::array::from_fn(|_| vec![0; n]),
        }
    }

    /// Takes in a moment that came `times` times.
    fn add_sample(&mut self, sample: &Sample, times: u8, scratch: &mut Vec<u8>) {
        for i in 0..METRICS {
            sample.write(i, scratch);
            self.add(i, [scratch; 3], times);
        }
    }

    /// Straight passes over plain bytes, one for each result, so that the compiler can use vector
    /// instructions. Where there is no value all three are [`NONE`], which no minimum can take.
    fn add(&mut self, i: usize, [min, mean, max]: [&[u8]; 3], times: u8) {
        let real = |v: u8| if v == NONE { 0 } else { v };
        self.min[i].iter_mut().zip(min).for_each(|(a, v)| *a = (*a).min(*v));
        self.max[i].iter_mut().zip(max).for_each(|(a, v)| *a = (*a).max(real(*v)));
        self.sum[i].iter_mut().zip(mean).for_each(|(a, v)| *a += u16::from(times) * u16::from(real(*v)));
        self.count[i].iter_mut().zip(mean).for_each(|(a, v)| *a += if *v == NONE { 0 } else { times });
    }

    fn finish(self) -> Values {
        let mean = |i: usize| {
            let pairs = self.sum[i].iter().zip(&self.count[i]);
            pairs
                .map(|(s, c)| if *c == 0 { NONE } else { ((s + u16::from(*c) / 2) / u16::from(*c)) as u8 })
                .collect()
        };
        Values { mean: std::array::from_fn(mean), min: self.min, max: self.max }
    }
}

/// Gathers values of one period.
#[derive(Debug)]
pub(super) struct Gather {
    pub(super) start: Timestamp,
    pub(super) topology: Arc<Topology>,
    /// The newest moment, and how many times in a row it came: of the past mostly one makes a whole period.
    newest: Option<(Sample, u8)>,
    /// What came before it.
    sums: Option<Box<Sums>>,
    samples: u8,
}

impl Gather {
    pub(super) const fn new(start: Timestamp, topology: Arc<Topology>) -> Self {
        Self { start, topology, newest: None, sums: None, samples: 0 }
    }

    /// The sums of all that came.
    fn sums(&mut self, scratch: &mut Vec<u8>) -> &mut Sums {
        let n = self.topology.gpu_count();
        let sums = self.sums.get_or_insert_with(|| Box::new(Sums::new(n)));
        if let Some((sample, times)) = self.newest.take() {
            sums.add_sample(&sample, times, scratch);
        }
        sums
    }

    pub(super) fn add_frame(&mut self, frame: &Frame, scratch: &mut Vec<u8>) {
        self.add_sample(Sample::of(frame), scratch);
    }

    fn add_sample(&mut self, sample: Sample, scratch: &mut Vec<u8>) {
        if self.samples == MOST_SAMPLES {
            return;
        }
        self.samples += 1;
        match &mut self.newest {
            Some((newest, times)) if newest.same(&sample) => *times += 1,
            None => self.newest = Some((sample, 1)),
            Some(_) => {
                self.sums(scratch);
                self.newest = Some((sample, 1));
            }
        }
    }

    pub(super) fn add_exact(&mut self, exact: &Exact, scratch: &mut Vec<u8>) {
        match &exact.content {
            Content::One(sample) => self.add_sample(sample.clone(), scratch),
            Content::Many(v) if self.samples < MOST_SAMPLES => {
                self.samples += 1;
                let sums = self.sums(scratch);
                (0..METRICS).for_each(|i| sums.add(i, [&v.min[i], &v.mean[i], &v.max[i]], 1));
            }
            Content::Many(_) => {}
        }
    }

    pub(super) fn finish(mut self) -> Exact {
        let content = match self.newest.take_if(|_| self.sums.is_none()) {
            Some((only, _)) => Content::One(only),
            None => {
                self.sums(&mut Vec::new());
                let nothing = || Box::new(Sums::new(self.topology.gpu_count()));
                Content::Many(Box::new(self.sums.unwrap_or_else(nothing).finish()))
            }
        };
        Exact { start: self.start, topology: self.topology, content }
    }
}
