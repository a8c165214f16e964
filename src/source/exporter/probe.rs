//! Reads the machine and its GPUs for one page.

use std::path::Path;
use std::time::Duration;

use sysinfo::System;
use tokio::time::Instant;

use super::node;
use super::page::{Sheet, render};
use super::sheet::GpuSheet;
use crate::model::text;
use crate::source::Clock;
use crate::source::local::gpus::Gpus;

/// Time between two attempts to open a library that could not be used: a driver may be loaded later.
const RETRY: Duration = Duration::from_secs(60);

/// What is told besides the page: that there are no GPUs and why, and when that changes.
pub type Tell = Box<dyn FnMut(&str) + Send>;

/// The machine, and NVML where it is.
pub struct Probe {
    library: Option<String>,
    gpus: Option<Gpus>,
    tried: Instant,
    clock: Clock,
    tell: Tell,
}

impl Probe {
    /// Opens NVML, at `library` if it is not where the system looks for it. That it cannot be used
    /// is told once; it is looked for again every minute.
    #[must_use]
    pub fn new(library: Option<String>, clock: Clock, mut tell: Tell) -> Self {
        let gpus = match Gpus::open(library.as_deref()) {
            Ok(gpus) => Some(gpus),
            Err(reason) => {
                tell(&reason);
                None
            }
        };
        Self { library, gpus, tried: Instant::now(), clock, tell }
    }

    /// The page of this moment. May block in the driver.
    pub fn page(&mut self) -> String {
        self.look_again();
        let host = System::host_name().map(|n| text::clean(&n)).unwrap_or_default();
        let gpus =
            self.gpus.as_mut().map(|g| g.visit(|device, i, facts, _| GpuSheet::read(device, i, facts)));
        render(&Sheet {
            host,
            time: (self.clock)().millis() as f64 / 1000.0,
            has_nvml: gpus.is_some(),
            gpus: gpus.unwrap_or_default(),
            node: node::read(Path::new("/")),
        })
    }

    fn look_again(&mut self) {
        if self.gpus.is_some() || self.tried.elapsed() < RETRY {
            return;
        }
        self.tried = Instant::now();
        // The reason was told at the start.
        self.gpus = Gpus::open(self.library.as_deref()).ok();
        if self.gpus.is_some() {
            (self.tell)("NVML can be used now: GPUs are on the page");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;
    use std::sync::{Arc, Mutex};

    #[tokio::test(start_paused = true)]
    async fn a_library_that_is_missing_is_told_once_however_often_the_page_is_asked_for() {
        let said: Arc<Mutex<Vec<String>>> = Arc::default();
        let ear = Arc::clone(&said);
        let tell: Tell = Box::new(move |what| ear.lock().expect("not poisoned").push(what.to_owned()));
        let library = Some("/nonexistent/libnvidia-ml.so".to_owned());
        let mut probe = Probe::new(library, || Timestamp(5000), tell);
        for _ in 0..3 {
            let page = probe.page();
            assert!(
                page.contains("\nnode_time_seconds 5\n") && page.contains("hallwatch_exporter_nvml_up 0")
            );
            tokio::time::advance(RETRY).await;
        }
        let said = said.lock().expect("not poisoned");
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(said[0].contains("/nonexistent/libnvidia-ml.so"), "{said:?}");
    }
}
