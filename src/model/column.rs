//! A column: one packed value per GPU, shared and immutable once it is in a frame.

use std::sync::Arc;

use crate::model::metric::Metric;

/// Packed values of one metric for consecutive GPUs; see [`Metric::decode`] for the meaning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Column {
    /// One byte per GPU, 255 = absent.
    Narrow(Arc<[u8]>),
    /// Two bytes per GPU, 65535 = absent.
    Wide(Arc<[u16]>),
}

impl Column {
    /// A column of `len` absent values for `metric`.
    #[must_use]
    pub fn absent(metric: Metric, len: usize) -> Self {
        if metric.spec().wide {
            Self::Wide(vec![u16::MAX; len].into())
        } else {
            Self::Narrow(vec![u8::MAX; len].into())
        }
    }

    /// A column of packed raw values of `metric`, as [`Metric::encode`] makes them.
    #[must_use]
    pub fn from_raw(metric: Metric, raw: impl ExactSizeIterator<Item = u16>) -> Self {
        if metric.spec().wide {
            Self::Wide(raw.collect())
        } else {
            Self::Narrow(raw.map(|r| r.min(255) as u8).collect())
        }
    }

    /// How many GPUs the column covers.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Narrow(v) => v.len(),
            Self::Wide(v) => v.len(),
        }
    }

    /// True when the column covers no GPU.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of payload.
    #[must_use]
    pub fn bytes(&self) -> usize {
        match self {
            Self::Narrow(v) => v.len(),
            Self::Wide(v) => 2 * v.len(),
        }
    }

    /// The raw value of GPU `index`: the width's maximum when absent or out of range.
    #[must_use]
    pub fn raw(&self, index: usize) -> u16 {
        match self {
            Self::Narrow(v) => u16::from(v.get(index).copied().unwrap_or(u8::MAX)),
            Self::Wide(v) => v.get(index).copied().unwrap_or(u16::MAX),
        }
    }

    /// Writes one raw value; the column is copied first if a frame still shares it.
    /// Indices out of range are ignored.
    pub fn set_raw(&mut self, index: usize, raw: u16) {
        match self {
            Self::Narrow(v) => {
                if v.get(index).is_some_and(|old| *old != raw.min(255) as u8) {
                    Arc::make_mut(v)[index] = raw.min(255) as u8;
                }
            }
            Self::Wide(v) => {
                if v.get(index).is_some_and(|old| *old != raw) {
                    Arc::make_mut(v)[index] = raw;
                }
            }
        }
    }

    /// True when both are the same memory: the column did not change between two frames.
    #[must_use]
    pub fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Narrow(a), Self::Narrow(b)) => Arc::ptr_eq(a, b),
            (Self::Wide(a), Self::Wide(b)) => Arc::ptr_eq(a, b),
            _ => false,
        }
    }

    /// The column re-ordered for another topology: `map[new] = old`, `u32::MAX` = absent.
    #[must_use]
    pub fn remapped(&self, map: &[u32]) -> Self {
        match self {
            Self::Narrow(v) => {
                Self::Narrow(map.iter().map(|o| v.get(*o as usize).copied().unwrap_or(u8::MAX)).collect())
            }
            Self::Wide(v) => {
                Self::Wide(map.iter().map(|o| v.get(*o as usize).copied().unwrap_or(u16::MAX)).collect())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shared_column_is_copied_on_write_and_only_then() {
        let mut a = Column::absent(Metric::Temp, 4);
        let b = a.clone();
        a.set_raw(2, 255);
        assert!(a.same(&b), "writing the same value copies nothing");
        a.set_raw(2, 61);
        assert!(!a.same(&b));
        assert_eq!((a.raw(2), b.raw(2)), (61, 255));
    }

    #[test]
    fn out_of_range_reads_absent_and_writes_nothing() {
        let mut c = Column::absent(Metric::Power, 2);
        c.set_raw(9, 5);
        assert_eq!(c.raw(9), u16::MAX);
        assert_eq!(c.bytes(), 4);
    }

    #[test]
    fn remapping_moves_values_and_leaves_new_ones_absent() {
        let c = Column::from_raw(Metric::Util, [1u16, 2, 3].into_iter());
        let d = c.remapped(&[2, u32::MAX, 0]);
        assert_eq!((d.raw(0), d.raw(1), d.raw(2)), (3, 255, 1));
    }
}
