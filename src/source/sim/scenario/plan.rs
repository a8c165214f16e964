//! How a simulation is to run: its seed, and the scenario that happens in it.

use std::sync::Arc;

use crate::model::Topology;
use crate::model::document::FileError;
use crate::source::sim::Sim;
use crate::source::sim::scenario::Scenario;
use crate::source::sim::workload::Workload;

/// What a simulation is started with.
#[derive(Clone, PartialEq, Debug)]
pub struct Plan {
    /// The same seed gives the same values.
    pub seed: u64,
    /// What happens, and the second at which it starts.
    pub scenario: Option<(Arc<Scenario>, u64)>,
}

impl Plan {
    /// A simulation of `seed` in which nothing is scripted.
    #[must_use]
    pub const fn of_seed(seed: u64) -> Self {
        Self { seed, scenario: None }
    }

    /// The simulator, set up for `topology`.
    ///
    /// # Errors
    /// The scenario does not fit the site.
    pub fn start(&self, topology: Arc<Topology>) -> Result<Sim, FileError> {
        let Some((scenario, at)) = &self.scenario else { return Ok(Sim::new(topology, self.seed)) };
        let work = Workload::new(&topology, self.seed);
        let timeline = scenario.resolve(&topology, &work, self.seed)?.starting_at(*at);
        Ok(Sim::new(topology, self.seed).with_timeline(timeline))
    }
}
