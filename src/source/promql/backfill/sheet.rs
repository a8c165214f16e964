//! What one stream of stored samples is written to: a metric of the grid.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::{Shared, lock};
use crate::source::promql::grid::{Slots, Uuids};
use crate::source::promql::remote::{self, Chunked, StreamError};
use crate::source::scrape::families;

/// Labels that may hold a UUID.
pub(super) const UUIDS: [&str; 3] = ["UUID", "uuid", "gpu_uuid"];

/// Metric number `row` of the stretch `span` (ms, both included).
pub(super) struct Sheet {
    pub row: usize,
    pub span: (i64, i64),
    pub slots: Slots,
    pub uuids: Arc<Uuids>,
    pub grid: Shared,
}

impl Sheet {
    /// Unpacks the pieces of a stream until there are no more. It blocks.
    ///
    /// # Errors
    /// They are no stream, or not a whole one.
    pub fn unpack(self, mut pieces: mpsc::Receiver<Vec<u8>>) -> Result<(), StreamError> {
        let (mut stream, mut packed) = (remote::Stream::default(), Vec::new());
        while let Some(piece) = pieces.blocking_recv() {
            stream
                .feed(&piece, |message| remote::message(message, |series| self.take(series, &mut packed)))?;
        }
        stream.finish()
    }

    /// Writes the values of a series of a known GPU. Other streams write, too: it is packed before.
    fn take(&self, series: &Chunked<'_>, packed: &mut Vec<(u32, u16)>) {
        let uuid = UUIDS.iter().map(|l| series.label(l.as_bytes())).find(|u| !u.is_empty());
        let family = families::lookup(series.label(b"__name__")).map(families::FamilyId::get);
        let (Some(gpu), Some(family)) = (uuid.and_then(|u| self.uuids.find(u)), family) else { return };
        let value = |(time, value)| Some((time, family.convert(value)? as f32));
        packed.clear();
        self.slots.pack(self.row, series.samples(self.span).filter_map(value), packed);
        lock(&self.grid).fill(self.row, gpu, packed);
    }
}
