//! The past before the console began: asked of the engines while the live values come in, stretch by
//! stretch, oldest first, and put back into charts and ring.
//!
//! Prometheus gives its samples as it stores them (remote read with streamed chunks); of others, and
//! where that is refused, ranges are asked for. Several engines make one past together.

mod ready;
mod sheet;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reqwest::Response;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use self::sheet::{Sheet, UUIDS};
use super::answer::Series;
use super::api::{Api, AskError, Flavor};
use super::grid::{Grid, METRICS, PORTIONS, SLOT_MS, STRETCH_MS, Uuids};
use super::plan::{self, Ask, Convert, Form, MAX_PARTS, Purpose};
use super::remote::{self, Compare, Matcher, StreamError};
use super::{PromConfig, PromError};
use crate::fleet::Snapshot;
use crate::fleet::rebuild::{Portion, Rebuild};
use crate::source::Clock;

/// Memory for periods that are being made.
const BUDGET: usize = 256 << 20;
/// How long an engine is left alone that has too much to do and does not say for how long.
const PAUSE: Duration = Duration::from_secs(10);
/// Times between the values of a range, s: the shortest that makes no more than [`POINTS`] is asked.
const STEPS: [i64; 4] = [15, 20, 30, 60];
/// Values of one metric in a stretch. As JSON one is 20 bytes, and an engine computes each of them.
const POINTS: i64 = 2_000_000;
/// The time of one such answer, s.
const RANGE: i64 = 1_200;
/// A range looks back no further than this: without it a node that died is repeated for five minutes.
const LOOK_BACK: Duration = Duration::from_secs(60);
/// Prometheus cuts the chunks of a series evenly, at most 120 samples each, and anew at every second full hour
/// (UTC): of samples every 5, 10, 15 or 30 s one begins at each multiple of this time, ms.
const CHUNKS_MS: i64 = 3_600_000;
/// A stream is unpacked so many bytes at a time, at least: an engine sends each series by itself, some 700 bytes.
const PIECE: usize = 256 << 10;
/// Pieces of a stream that wait to be unpacked.
const PIECES: usize = 2;
/// A stored value holds for so many moments.
const REACH: u16 = 7;

/// What operators are told of the progress; empty: nothing.
pub type Progress = watch::Sender<String>;

/// How an engine is asked for the past.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Chunks,
    Ranges,
}

/// Why an engine gives no past.
#[derive(Debug, thiserror::Error)]
enum PastError {
    #[error(transparent)]
    Ask(#[from] AskError),
    #[error(transparent)]
    Stream(#[from] StreamError),
    #[error(transparent)]
    Config(#[from] PromError),
}

/// One engine.
struct Engine {
    config: PromConfig,
    api: Api,
    flavor: Flavor,
    way: Way,
    /// Time between the values of a range, s.
    step: i64,
    /// Now, ms.
    end: i64,
    asks: Vec<Ask>,
}

/// Asks `engines` for their past once the site is known from `snapshots`, and hands it to `portions`.
/// Progress and failures go to `progress`; the live values do not wait for any of it.
pub async fn run(
    engines: Vec<PromConfig>,
    mut snapshots: watch::Receiver<Arc<Snapshot>>,
    clock: Clock,
    portions: mpsc::Sender<Portion>,
    progress: Progress,
) {
    let Some(snapshot) = ready::wait(&mut snapshots, &engines).await else { return };
    let start = Instant::now();
    let uuids = Arc::new(Uuids::of(&snapshot.inventory));
    let topology = snapshot.frame.topology.clone();
    drop(snapshot);
    if uuids.is_empty() {
        progress.send_replace("no history: the engine does not tell the UUIDs of GPUs".to_owned());
        return;
    }
    let reach = engines.iter().map(|e| e.backfill).max().unwrap_or_default();
    let end = clock().millis().div_euclid(SLOT_MS) * SLOT_MS;
    let begin = end - i64::try_from(reach.as_millis()).unwrap_or(0);
    let grid = Arc::new(Mutex::new(Grid::new(topology.gpu_count())));
    let stretches = stretches(begin, end);
    let (mut ready, mut why) = introduce(engines, (step_for(topology.gpu_count()), end), &progress).await;
    let steps = Steps {
        progress: &progress,
        done: AtomicUsize::new(0),
        all: stretches.len() * ready.len() * METRICS.len(),
    };
    let mut rebuild = Rebuild::new(topology, BUDGET);
    for stretch in &stretches {
        lock(&grid).begin(*stretch);
        let mut kept = Vec::new();
        for mut engine in ready {
            match engine.read_patiently(&uuids, &grid, &steps).await {
                Ok(()) => kept.push(engine),
                // What it gave so far stays; the rest of its past is missing.
                Err(e) => why = Some(format!("{}: {e}", engine.config.name)),
            }
        }
        ready = kept;
        if ready.is_empty() {
            break;
        }
        let reach = ready.iter().map(Engine::reach).max().unwrap_or(REACH);
        for number in 0..PORTIONS {
            // Packing takes seconds at full size: not on a thread that others wait for.
            let grid = Arc::clone(&grid);
            let built = tokio::task::spawn_blocking(move || {
                let portion = lock(&grid).hand_over(number, &mut rebuild, end, reach);
                (rebuild, portion)
            });
            let Ok((back, portion)) = built.await else { return };
            rebuild = back;
            if portions.send(portion).await.is_err() {
                return;
            }
        }
    }
    let took = start.elapsed().as_secs_f32();
    progress.send_replace(match why {
        Some(why) => format!("history is missing in part: {why}"),
        None => format!("history of {} min read in {took:.1} s", reach.as_secs() / 60),
    });
}

/// The values of a stretch, which several streams fill at once.
type Shared = Arc<Mutex<Grid>>;

fn lock(grid: &Mutex<Grid>) -> MutexGuard<'_, Grid> {
    // Nobody panics while it is held.
    grid.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How much has been read: a step is one metric of one engine and stretch.
struct Steps<'a> {
    progress: &'a Progress,
    done: AtomicUsize,
    all: usize,
}

impl Steps<'_> {
    fn done(&self) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        // What was refused is read anew in another way, and counts twice.
        self.progress.send_replace(format!("history: {} %", (100 * done / self.all.max(1)).min(99)));
    }
}

/// The first moments of the stretches from `begin` up to `end`, ms.
fn stretches(begin: i64, end: i64) -> Vec<i64> {
    let first = begin.div_euclid(SLOT_MS) * SLOT_MS;
    (0..).map(|i| first + i * STRETCH_MS).take_while(|s| *s < end).collect()
}

/// The time between the values of a range for so many GPUs, s.
fn step_for(gpus: usize) -> i64 {
    let fits = |step: &i64| i64::try_from(gpus).is_ok_and(|n| n * RANGE / step <= POINTS);
    STEPS.into_iter().find(fits).unwrap_or(60)
}

/// The engines that can be asked, and why others cannot.
async fn introduce(
    engines: Vec<PromConfig>,
    (step, end): (i64, i64),
    progress: &Progress,
) -> (Vec<Engine>, Option<String>) {
    let (mut ready, mut why) = (Vec::new(), None);
    for config in engines.into_iter().filter(|c| !c.backfill.is_zero()) {
        progress.send_replace("history: 0 %".to_owned());
        let name = config.name.clone();
        match Engine::new(config, step, end).await {
            Ok(engine) => ready.push(engine),
            Err(e) => why = Some(format!("{name}: {e}")),
        }
    }
    (ready, why)
}

impl Engine {
    async fn new(mut config: PromConfig, step: i64, end: i64) -> Result<Self, PastError> {
        config.metrics.retain(|m| METRICS.contains(m));
        let api = Api::new(&config)?;
        let now = crate::model::Timestamp(0);
        let (flavor, _) = api.probe(now).await?;
        let names = api.names().await?;
        let mut asks = plan::asks(&config, &names);
        asks.retain(|a| matches!(a.purpose, Purpose::Values { .. }));
        let way = if matches!(flavor, Flavor::Prometheus(..)) { Way::Chunks } else { Way::Ranges };
        Ok(Self { config, api, flavor, way, step, end, asks })
    }

    /// For so many moments a value holds; one of a range until the next one.
    fn reach(&self) -> u16 {
        match self.way {
            Way::Chunks => REACH,
            Way::Ranges => {
                u16::try_from((self.step * 1000).div_euclid(SLOT_MS) + 1).unwrap_or(REACH).min(REACH)
            }
        }
    }

    /// Reads the stretch of `grid`; an engine that is too busy is asked a second time after a while.
    async fn read_patiently(
        &mut self,
        uuids: &Arc<Uuids>,
        grid: &Shared,
        steps: &Steps<'_>,
    ) -> Result<(), PastError> {
        match self.read(uuids, grid, steps).await {
            Err(PastError::Ask(e)) if is_busy(&e) => {
                tokio::time::sleep(e.wait().unwrap_or(PAUSE)).await;
                self.read(uuids, grid, steps).await
            }
            outcome => outcome,
        }
    }

    /// Reads the stretch of `grid`.
    async fn read(&mut self, uuids: &Arc<Uuids>, grid: &Shared, steps: &Steps<'_>) -> Result<(), PastError> {
        if self.way == Way::Chunks {
            let row = async |row| {
                let outcome = self.row(row, uuids, grid).await;
                steps.done();
                outcome
            };
            // The metrics beside each other: an engine reads each on a core of its own.
            let (util, power, temp) = tokio::join!(row(0), row(1), row(2));
            for outcome in [util, power, temp] {
                match outcome {
                    Err(PastError::Ask(e)) if !is_refusal(&e) => return Err(e.into()),
                    // Not here, or not in this form.
                    Err(_) => self.way = Way::Ranges,
                    Ok(()) => {}
                }
            }
        }
        for ask in self.asks.clone() {
            let Purpose::Values { metric, convert, .. } = ask.purpose else { continue };
            let Some(row) = METRICS.iter().position(|m| *m == metric) else { continue };
            if self.way == Way::Chunks && self.matchers(&ask).is_some() {
                continue;
            }
            let (first, last) = lock(grid).span();
            for from in (first..last).step_by(RANGE as usize * 1000) {
                let span = (from, (from + RANGE * 1000 - 1).min(last));
                self.range(&ask, (row, convert), (uuids, span), grid).await?;
            }
            steps.done();
        }
        Ok(())
    }

    /// Reads the stored samples of metric number `row`.
    async fn row(&self, row: usize, uuids: &Arc<Uuids>, grid: &Shared) -> Result<(), PastError> {
        let is_its = |a: &&Ask| matches!(a.purpose, Purpose::Values { metric, .. } if metric == METRICS[row]);
        for ask in self.asks.iter().filter(is_its) {
            if let Some(matchers) = self.matchers(ask) {
                self.chunks((ask, matchers), row, uuids, grid).await?;
            }
        }
        Ok(())
    }

    /// What selects the series of `ask` among the stored ones; `None` where that cannot be said.
    fn matchers(&self, ask: &Ask) -> Option<Vec<Matcher>> {
        if ask.given.is_empty() { remote::matchers(&self.config.selector) } else { None }
    }

    async fn chunks(
        &self,
        (ask, mut matchers): (&Ask, Vec<Matcher>),
        row: usize,
        uuids: &Arc<Uuids>,
        grid: &Shared,
    ) -> Result<(), PastError> {
        matchers.push(Matcher {
            name: "__name__".to_owned(),
            compare: if ask.names.len() == 1 { Compare::Equal } else { Compare::Match },
            value: ask.names.join("|"),
        });
        let (span, slots) = {
            let grid = lock(grid);
            (grid.span(), grid.slots())
        };
        let mut response = self.api.remote_read(remote::request(uncut(span, self.end), &matchers)).await?;
        let sheet = Sheet { row, span, slots, uuids: Arc::clone(uuids), grid: Arc::clone(grid) };
        let (tx, rx) = mpsc::channel(PIECES);
        // Unpacking takes a core: not one of those that the screen and the live values wait for.
        let unpacking = tokio::task::spawn_blocking(move || sheet.unpack(rx));
        let outcome = self.pieces(&mut response, &tx).await;
        drop(tx);
        // After an error as well: it may still be writing, and the next stretch would get that.
        let unpacked = unpacking.await.unwrap_or(Err(StreamError::Foreign));
        outcome?;
        Ok(unpacked?)
    }

    /// Hands an answer to `tx`, piece by piece, until it ends or nobody takes one.
    async fn pieces(&self, response: &mut Response, tx: &mpsc::Sender<Vec<u8>>) -> Result<(), AskError> {
        let mut piece = Vec::new();
        while let Some(bytes) = self.api.chunk(response).await? {
            piece.extend_from_slice(&bytes);
            if piece.len() >= PIECE && tx.send(std::mem::take(&mut piece)).await.is_err() {
                return Ok(());
            }
        }
        // Whoever takes no more says why.
        let _ = tx.send(piece).await;
        Ok(())
    }

    async fn range(
        &self,
        ask: &Ask,
        (row, convert): (usize, Convert),
        (uuids, span): (&Uuids, (i64, i64)),
        grid: &Shared,
    ) -> Result<(), PastError> {
        let by = UUIDS.map(str::to_owned);
        let mut parts = 1;
        loop {
            let mut outcome = Ok(());
            for part in 0..parts {
                let more = plan::divider(ask, &by).filter(|_| parts > 1);
                let more = more.map(|label| plan::part(label, part, parts)).unwrap_or_default();
                let selector = plan::and(&self.config.selector, &more);
                let expression = Form { by: &by, selector: &selector }.expression(ask);
                outcome = self.one_range(&expression, (row, convert), (uuids, span), grid).await;
                if outcome.is_err() {
                    break;
                }
            }
            match outcome {
                // A value that was read already is only set once more.
                Err(e) if e.is_too_much() && parts < MAX_PARTS && !ask.names.is_empty() => parts *= 2,
                outcome => return Ok(outcome?),
            }
        }
    }

    async fn one_range(
        &self,
        expression: &str,
        (row, convert): (usize, Convert),
        (uuids, (from, to)): (&Uuids, (i64, i64)),
        grid: &Shared,
    ) -> Result<(), AskError> {
        let from = (from + self.step * 1000 - 1).div_euclid(self.step * 1000) * self.step;
        let (from, to, step) = (from.to_string(), (to / 1000).to_string(), self.step.to_string());
        let mut more = self.flavor.look_back(LOOK_BACK);
        more.retain(|(name, _)| *name != "step");
        let mut fields = vec![("query", expression), ("start", &*from), ("end", &*to), ("step", &*step)];
        fields.extend(more.iter().map(|(name, value)| (*name, value.as_str())));
        let response = self.api.post("api/v1/query_range", &fields).await?;
        let (mut scratch, mut packed, slots) = (Vec::new(), Vec::new(), lock(grid).slots());
        let mut sink = |series: &Series<'_>| {
            let spans = UUIDS.iter().map(|l| series.label(l.as_bytes()));
            let Some(span) = spans.into_iter().find(|s| s.end > s.start) else { return };
            let Some(gpu) = uuids.find(span.bytes(series.text(), &mut scratch)) else { return };
            let value = |(time, value): &(f64, f64)| Some(((time * 1000.0) as i64, convert.value(*value)?));
            packed.clear();
            slots.pack(row, series.points.iter().filter_map(value), &mut packed);
            lock(grid).fill(row, gpu, &packed);
        };
        self.api.read(response, &mut sink).await?;
        Ok(())
    }
}

/// True when the engine answered that it has too much to do.
const fn is_busy(e: &AskError) -> bool {
    matches!(e, AskError::Refused { status: 429 | 502 | 503 | 504, .. })
}

/// True when the engine answered that it does not do this.
const fn is_refusal(e: &AskError) -> bool {
    matches!(
        e,
        AskError::Answer(_) | AskError::Refused { status: 400 | 404 | 405 | 415 | 422 | 500 | 501, .. }
    )
}

/// What to ask for so that the engine need not cut the chunks of `span` (ms): what is wanted of one in part
/// it unpacks and packs anew, which was half of its work. The newest one of a series, which it is still
/// writing, has no end. `end` is now.
const fn uncut((from, to): (i64, i64), end: i64) -> (i64, i64) {
    (from.div_euclid(CHUNKS_MS) * CHUNKS_MS, if to >= end { i64::MAX } else { to })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_chunks_are_asked_for() {
        let (from, to) = (7_300_000, 10_899_999);
        assert_eq!(
            uncut((from, to), 10_900_000),
            (7_200_000, to),
            "not to the end, or all since comes again"
        );
        assert_eq!(uncut((from, to), 10_890_000), (7_200_000, i64::MAX));
        assert_eq!(uncut((7_200_000, to), 10_890_000).0, 7_200_000);
    }

    #[test]
    fn stretches_cover_the_past_and_no_more() {
        assert_eq!(stretches(0, 10_800_000), [0, 3_600_000, 7_200_000]);
        assert_eq!(stretches(5_000, 3_600_001), [0, 3_600_000]);
        assert_eq!(stretches(10_000, 10_000), [0; 0]);
    }

    #[test]
    fn ranges_are_as_fine_as_the_size_of_the_site_allows() {
        let of = [1, 25_000, 25_001, 40_000, 50_001, 100_224, 1_000_000].map(step_for);
        assert_eq!(of, [15, 15, 20, 30, 60, 60, 60]);
    }

    #[test]
    fn engines_that_refuse_are_asked_in_another_way_and_silent_ones_are_not() {
        let refused = |status| AskError::Refused { status, words: String::new(), wait: None };
        assert!(is_refusal(&refused(404)) && is_refusal(&refused(400)));
        assert!(!is_refusal(&refused(401)) && !is_refusal(&refused(503)));
        assert!(is_busy(&refused(503)) && !is_busy(&refused(401)));
    }
}
