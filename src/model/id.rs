//! Dense typed ids: each is an index into the columns of its own kind of asset, so a rack id
//! cannot be used where a tray id is meant.

use std::fmt;
use std::ops::Range;

macro_rules! dense_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
        pub struct $name(pub u32);

        impl $name {
            /// The id as an index into the columns of its kind.
            #[must_use]
            pub const fn index(self) -> usize {
                self.0 as usize
            }

            /// The id of an index; indices beyond `u32::MAX` cannot occur (topologies are bounded).
            #[must_use]
            pub const fn new(index: usize) -> Self {
                Self(index as u32)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0)
            }
        }
    };
}

dense_id!(
    /// One GPU.
    GpuId
);
dense_id!(
    /// One compute tray: the node with its host and its GPUs.
    TrayId
);
dense_id!(
    /// One rack.
    RackId
);
dense_id!(
    /// One row of racks; on NVL72 sites a row is one scalable unit.
    RowId
);
dense_id!(
    /// One hall.
    HallId
);
dense_id!(
    /// One coolant distribution unit.
    CduId
);

/// Any place of the site that has values of its own.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Asset {
    /// The whole site.
    #[default]
    Site,
    /// One hall.
    Hall(HallId),
    /// One row.
    Row(RowId),
    /// One rack.
    Rack(RackId),
    /// One tray.
    Tray(TrayId),
    /// One GPU.
    Gpu(GpuId),
    /// One coolant distribution unit.
    Cdu(CduId),
}

/// A half-open range of dense ids: the children of one asset lie next to each other.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Span {
    /// First index.
    pub start: u32,
    /// One past the last index.
    pub end: u32,
}

impl Span {
    /// How many ids the span holds.
    #[must_use]
    pub const fn len(self) -> usize {
        (self.end - self.start) as usize
    }

    /// True when the span holds no id.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.start == self.end
    }

    /// The span as a slice range.
    #[must_use]
    pub const fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// True when `index` lies in the span.
    #[must_use]
    pub const fn contains(self, index: u32) -> bool {
        self.start <= index && index < self.end
    }

    /// The indices, in order.
    pub fn iter(self) -> impl ExactSizeIterator<Item = u32> + DoubleEndedIterator + Clone {
        self.start..self.end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn span_holds_its_start_and_not_its_end() {
        let span = Span { start: 4, end: 7 };
        assert_eq!(span.len(), 3);
        assert!(span.contains(4) && span.contains(6));
        assert!(!span.contains(7) && !span.contains(3));
        assert_eq!(span.iter().collect::<Vec<_>>(), [4, 5, 6]);
    }

    #[test]
    fn an_id_is_its_index() {
        assert_eq!(GpuId::new(17).index(), 17);
        assert_eq!(RackId(3).to_string(), "3");
    }
}
