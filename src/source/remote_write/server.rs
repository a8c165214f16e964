//! The HTTP side: takes requests, holds them to the bounds, and answers so that senders do the right
//! thing: what may come again gets 503, what never will be right 4xx.
//!
//! Overload and too many requests are 503 and not 429: a Prometheus that is not told otherwise throws
//! away what gets 429.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use hyper::header::{
    ALLOW, AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderValue, RETRY_AFTER, USER_AGENT,
    WWW_AUTHENTICATE,
};
use hyper::{Method, Request, Response, StatusCode};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::gate::Closed;
use super::intake::{Intake, Tally};
use super::rate::Rates;
use super::senders::{Receipt, Senders};
use super::wire::{self, Content, Protocol};
use super::{Gate, Limits};
use crate::model::text;
use crate::source::Clock;

/// The only path that takes anything.
pub const PATH: &str = "/api/v1/write";
/// Seconds after which a sender may try again.
const RETRY_S: &str = "1";
/// Requests that are understood at a time.
const WORKERS: usize = 2;
/// Decompression buffers that are larger than this are not kept, bytes.
const KEPT_BUFFER: usize = 4 << 20;

/// What all connections share.
#[derive(Debug)]
pub struct Shared {
    pub limits: Limits,
    pub gate: Gate,
    pub clock: Clock,
    intake: Mutex<Intake>,
    senders: Mutex<Senders>,
    tally: Mutex<Totals>,
    rates: Mutex<Rates>,
    /// Bytes of bodies, and requests at work.
    room: Semaphore,
    workers: Semaphore,
    buffers: Mutex<Vec<Vec<u8>>>,
}

/// What has been received in all.
#[derive(Clone, Debug, Default)]
pub struct Totals {
    pub tally: Tally,
    pub refused: u64,
    pub postponed: u64,
    /// Connections on which no TLS came about, and why the last one did not.
    pub unsafe_connections: u64,
    pub unsafe_reason: String,
    /// Why credentials could not be checked last.
    pub broken: Option<String>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Why a request is not taken, and what its sender is told.
#[derive(Debug)]
struct Refusal {
    status: StatusCode,
    reason: String,
    challenge: Option<&'static str>,
}

impl Refusal {
    fn new(status: StatusCode, reason: impl Into<String>) -> Self {
        Self { status, reason: reason.into(), challenge: None }
    }

    fn later(reason: &str) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, reason)
    }
}

impl Shared {
    pub fn new(limits: Limits, gate: Gate, clock: Clock, interval_ms: Option<u32>) -> Self {
        Self {
            intake: Mutex::new(Intake::new(limits.series, interval_ms)),
            senders: Mutex::default(),
            tally: Mutex::default(),
            rates: Mutex::new(Rates::new(limits.requests_per_sender, limits.requests, Instant::now())),
            room: Semaphore::new(limits.in_flight),
            workers: Semaphore::new(WORKERS),
            buffers: Mutex::default(),
            limits,
            gate,
            clock,
        }
    }

    pub fn intake(&self) -> MutexGuard<'_, Intake> {
        lock(&self.intake)
    }

    pub fn senders(&self) -> MutexGuard<'_, Senders> {
        lock(&self.senders)
    }

    /// A connection on which TLS did not come about, for this reason.
    pub fn no_tls(&self, why: &str) {
        let mut totals = lock(&self.tally);
        totals.unsafe_connections += 1;
        totals.unsafe_reason = text::clean(why);
    }

    pub fn totals(&self) -> Totals {
        lock(&self.tally).clone()
    }
}

/// Answers one request of `peer`.
pub async fn answer(
    request: Request<Incoming>,
    peer: SocketAddr,
    shared: Arc<Shared>,
) -> Response<Full<Bytes>> {
    let began = Instant::now();
    if let Some(response) = wrong_place(&request) {
        return response;
    }
    let agent = request.headers().get(USER_AGENT).map(|a| a.as_bytes().to_vec());
    let (bytes, outcome) = take(request, peer, &shared).await;
    let receipt = Receipt {
        time: (shared.clock)(),
        duration_ms: u32::try_from(began.elapsed().as_millis()).unwrap_or(u32::MAX),
        bytes: u32::try_from(bytes).unwrap_or(u32::MAX),
        outcome: match &outcome {
            Ok((content, tally, _)) => {
                let bad = content.unfit + tally.ahead + tally.no_room;
                Ok((u32::try_from(tally.wanted).unwrap_or(u32::MAX), u32::try_from(bad).unwrap_or(u32::MAX)))
            }
            Err(refusal) => Err(format!("answered {}: {}", refusal.status.as_u16(), refusal.reason)),
        },
    };
    let row = shared.senders().row(peer.ip(), agent.as_deref());
    shared.senders().record(row, &receipt);
    match outcome {
        Ok((content, tally, protocol)) => {
            add(&shared, &tally);
            taken(&content, protocol)
        }
        Err(refusal) => {
            let mut totals = lock(&shared.tally);
            if refusal.status == StatusCode::SERVICE_UNAVAILABLE {
                totals.postponed += 1;
            } else {
                totals.refused += 1;
            }
            drop(totals);
            refused(&refusal)
        }
    }
}

fn add(shared: &Shared, tally: &Tally) {
    let mut totals = lock(&shared.tally);
    totals.broken = None;
    let sum = &mut totals.tally;
    sum.wanted += tally.wanted;
    sum.other += tally.other;
    sum.old += tally.old;
    sum.ahead += tally.ahead;
    sum.no_room += tally.no_room;
    sum.newest = sum.newest.max(tally.newest);
}

fn wrong_place(request: &Request<Incoming>) -> Option<Response<Full<Bytes>>> {
    if request.uri().path() != PATH {
        return Some(plain(StatusCode::NOT_FOUND, format!("remote write is taken at {PATH}\n")));
    }
    if request.method() != Method::POST {
        let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "only POST\n".to_owned());
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
        return Some(response);
    }
    None
}

type Taken = Result<(Content, Tally, Protocol), Refusal>;

/// Size of the body, and what came of it.
async fn take(request: Request<Incoming>, peer: SocketAddr, shared: &Arc<Shared>) -> (usize, Taken) {
    let protocol = match admit(&request, peer, shared) {
        Ok(protocol) => protocol,
        Err(refusal) => return (0, Err(refusal)),
    };
    let limit = shared.limits.body;
    let announced = request.body().size_hint().exact().and_then(|n| usize::try_from(n).ok()).unwrap_or(limit);
    if announced > limit {
        return (0, Err(too_large(limit)));
    }
    let Ok(_room) = shared.room.try_acquire_many(u32::try_from(announced).unwrap_or(u32::MAX)) else {
        return (0, Err(Refusal::later("too many bytes at once")));
    };
    let body = match read_body(request.into_body(), shared).await {
        Ok(body) => body,
        Err(refusal) => return (0, Err(refusal)),
    };
    let bytes = body.len();
    let Ok(_worker) = shared.workers.acquire().await else {
        return (bytes, Err(Refusal::later("stopping")));
    };
    // Asked again: while the body came, others may have filled the room.
    if let Err(refusal) = has_room(shared) {
        return (bytes, Err(refusal));
    }
    let at_work = Arc::clone(shared);
    let understood = tokio::task::spawn_blocking(move || understand(protocol, &body, &at_work)).await;
    let outcome = understood.unwrap_or_else(|_| Err(Refusal::later("internal error")));
    (bytes, outcome.map(|(content, tally)| (content, tally, protocol)))
}

/// What can be said by the headers alone.
fn admit(request: &Request<Incoming>, peer: SocketAddr, shared: &Shared) -> Result<Protocol, Refusal> {
    let headers = request.headers();
    let now = Instant::now();
    // Before anything that costs more: guessing at credentials is slow, too.
    if !lock(&shared.rates).sender(peer.ip(), now) {
        return Err(Refusal::later("too many requests of this address"));
    }
    match shared.gate.check(headers.get(AUTHORIZATION).map(HeaderValue::as_bytes)) {
        Ok(()) => {}
        Err(Closed::Broken(why)) => {
            // The reason is for the operator of this side alone.
            lock(&shared.tally).broken = Some(why);
            return Err(Refusal::later("credentials cannot be checked now"));
        }
        Err(Closed::Wrong(challenge)) => {
            let shown = headers.contains_key(AUTHORIZATION);
            let reason =
                if shown { "the credentials are not those of this receiver" } else { "no credentials" };
            let refusal = Refusal::new(StatusCode::UNAUTHORIZED, reason);
            return Err(Refusal { challenge: Some(challenge), ..refusal });
        }
    }
    // Only those who may write count here: others cannot keep them out.
    if !lock(&shared.rates).all(now) {
        return Err(Refusal::later("too many requests"));
    }
    let encoding = headers.get(CONTENT_ENCODING).map_or(&b""[..], HeaderValue::as_bytes);
    if !encoding.eq_ignore_ascii_case(b"snappy") {
        let reason = "the content encoding is not `snappy`";
        return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, reason));
    }
    let kind = headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let Some(protocol) = protocol(kind) else {
        let reason = "the content type is not `application/x-protobuf` with proto=prometheus.WriteRequest or io.prometheus.write.v2.Request";
        return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, reason));
    };
    has_room(shared)?;
    Ok(protocol)
}

fn protocol(content_type: &str) -> Option<Protocol> {
    let mut parts = content_type.split(';').map(str::trim);
    if !parts.next()?.eq_ignore_ascii_case("application/x-protobuf") {
        return None;
    }
    let proto = parts.filter_map(|p| p.split_once('=')).find(|(name, _)| name.eq_ignore_ascii_case("proto"));
    match proto.map(|(_, value)| value.trim_matches('"')) {
        None | Some("prometheus.WriteRequest") => Some(Protocol::V1),
        Some("io.prometheus.write.v2.Request") => Some(Protocol::V2),
        Some(_) => None,
    }
}

fn has_room(shared: &Shared) -> Result<(), Refusal> {
    if shared.intake().pending() > shared.limits.pending {
        return Err(Refusal::later("the console is behind"));
    }
    Ok(())
}

fn too_large(limit: usize) -> Refusal {
    Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, format!("the body is longer than {limit} bytes"))
}

async fn read_body(body: Incoming, shared: &Shared) -> Result<Bytes, Refusal> {
    let limit = shared.limits.body;
    let whole = Limited::new(body, limit).collect();
    match tokio::time::timeout(shared.limits.timeout, whole).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(e)) if e.is::<LengthLimitError>() => Err(too_large(limit)),
        Ok(Err(_)) => Err(Refusal::new(StatusCode::BAD_REQUEST, "the body ended early")),
        Err(_) => Err(Refusal::new(StatusCode::REQUEST_TIMEOUT, "the body did not come in time")),
    }
}

fn understand(protocol: Protocol, body: &[u8], shared: &Shared) -> Result<(Content, Tally), Refusal> {
    let bad = |reason: String| Refusal::new(StatusCode::BAD_REQUEST, reason);
    let length = snap::raw::decompress_len(body).map_err(|e| bad(format!("not snappy: {e}")))?;
    if length > shared.limits.decoded {
        let limit = shared.limits.decoded;
        return Err(bad(format!("the body decompresses to {length} bytes: at most {limit} are taken")));
    }
    let mut buffer = lock(&shared.buffers).pop().unwrap_or_default();
    if buffer.len() < length {
        buffer.resize(length, 0);
    }
    let decompressed = snap::raw::Decoder::new().decompress(body, &mut buffer);
    let length = decompressed.map_err(|e| bad(format!("not snappy: {e}")))?;
    let now = (shared.clock)();
    let mut tally = Tally::default();
    let mut intake = shared.intake();
    let mut sink = |labels: &[_], points: &[_]| intake.take(labels, points, now, &mut tally);
    let content = wire::read(protocol, &buffer[..length], &shared.limits.request, &mut sink);
    drop(intake);
    if buffer.len() <= KEPT_BUFFER {
        lock(&shared.buffers).push(buffer);
    }
    Ok((content.map_err(|e| bad(e.to_string()))?, tally))
}

/// Everything was taken. Families that are not wanted count as written: the sender did nothing wrong,
/// and must not count them as failed.
fn taken(content: &Content, protocol: Protocol) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::NO_CONTENT;
    if protocol == Protocol::V2 {
        let headers = response.headers_mut();
        headers.insert("X-Prometheus-Remote-Write-Samples-Written", content.samples.into());
        headers.insert("X-Prometheus-Remote-Write-Histograms-Written", content.histograms.into());
        headers.insert("X-Prometheus-Remote-Write-Exemplars-Written", content.exemplars.into());
    }
    response
}

fn refused(refusal: &Refusal) -> Response<Full<Bytes>> {
    let mut response = plain(refusal.status, format!("{}\n", refusal.reason));
    if refusal.status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static(RETRY_S));
    }
    if let Some(challenge) = refusal.challenge {
        response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    }
    response
}

fn plain(status: StatusCode, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_content_type_tells_the_protocol() {
        assert_eq!(protocol("application/x-protobuf"), Some(Protocol::V1));
        assert_eq!(protocol("application/x-protobuf;proto=prometheus.WriteRequest"), Some(Protocol::V1));
        let v2 = "Application/X-Protobuf; proto=\"io.prometheus.write.v2.Request\"";
        assert_eq!(protocol(v2), Some(Protocol::V2));
        for other in ["", "text/plain", "application/x-protobuf;proto=io.prometheus.write.v3.Request"] {
            assert_eq!(protocol(other), None, "{other}");
        }
    }
}
