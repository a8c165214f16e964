//! Who holds the GPUs, as a scheduler or a table tells it: one complete list at a time.

use crate::model::batch::JobName;

/// Everything that runs. What it does not name is idle.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct WorkList {
    /// The jobs; the first one that names a GPU holds it.
    pub works: Vec<Work>,
}

/// One job and where it runs.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Work {
    /// Its name, tenant and state; clean.
    pub name: JobName,
    /// Where it runs.
    pub units: Vec<Unit>,
}

/// A part of the site that a job holds.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Unit {
    /// All GPUs of a host, by its name.
    Host(String),
    /// One GPU: its host, and its position there from 0.
    Gpu(String, u16),
    /// One GPU by its UUID.
    Uuid(String),
}

impl Unit {
    /// The host, where it is told.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        match self {
            Self::Host(host) | Self::Gpu(host, _) => Some(host),
            Self::Uuid(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_tells_its_host_where_it_knows_it() {
        assert_eq!(Unit::Host("n1".into()).host(), Some("n1"));
        assert_eq!(Unit::Gpu("n1".into(), 3).host(), Some("n1"));
        assert_eq!(Unit::Uuid("GPU-1".into()).host(), None);
    }
}
