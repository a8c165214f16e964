//! The facility bus: values of racks, coolant units, meters and sensors over MQTT, in the form of
//! NVIDIA DSX Exchange.
//!
//! Values arrive when they change and at least every 100 s; a heartbeat every 10 s tells silence from
//! peace. Three things are told apart: the broker cannot be reached, the building management system
//! is silent, and a single point is not repeated.

pub mod check;
pub mod column;
pub mod heart;
pub mod link;
pub mod message;
pub mod place;
pub mod table;
pub mod unit;
mod words;

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

use self::link::Heard;
use self::place::Placing;
use self::table::Table;
use crate::model::entry::{SourceStatus, TargetState, TargetStatus};
use crate::model::facility::{FacilityReading, SitePoint};
use crate::model::{Batch, Entry, Timestamp};
use crate::source::http::{Secret, TlsConfig};
use crate::source::{Outlet, Stopped};

/// Topics that are subscribed where none are named.
pub const DEFAULT_TOPIC: &str = "BMS/v1/PUB/#";
/// Messages that wait between the connection and the table; behind them the broker waits.
const QUEUE: usize = 1024;
/// Time between two deliveries.
const DELIVER_EVERY: Duration = Duration::from_secs(1);
/// What the standard allows between two repetitions, ms.
const INTERVAL_MS: u32 = 100_000;
/// Deliveries between two reports while nothing changes.
const REPORT_EVERY: u32 = 10;
/// The bus' clock may differ from ours by so much before it is told, ms.
const CLOCK_MS: i64 = 30_000;
/// Silence after which the building management system counts as silent, ms.
const SILENT_MS: i64 = 30_000;

/// Which version of the protocol is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Version {
    /// 5, and 3.1.1 where the broker does not take that.
    #[default]
    Auto,
    /// 5 alone.
    V5,
    /// 3.1.1 alone.
    V311,
}

/// The broker, and what is asked of it.
#[derive(Clone, Debug)]
pub struct BrokerConfig {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// TLS, where it is spoken.
    pub tls: Option<TlsConfig>,
    /// User and password.
    pub login: Option<(String, Secret)>,
    /// What we call ourselves there; two of one name throw each other out.
    pub client_id: String,
    /// Topics.
    pub topic: String,
    /// Version of the protocol.
    pub version: Version,
}

/// What the source of a facility bus needs to run.
#[derive(Debug)]
pub struct MqttConfig {
    /// The broker.
    pub broker: BrokerConfig,
    /// Where objects belong.
    pub placing: Placing,
    /// Scatters the pauses between attempts.
    pub seed: u64,
}

/// Host, port, TLS and user of `mqtt://[user@]host[:port]` or `mqtts://…`.
///
/// # Errors
/// Another scheme, a password in the address, or something behind the port.
pub fn address(url: &str) -> Result<(String, u16, bool, Option<String>), String> {
    let expected = "expected mqtt://host:1883 or mqtts://host:8883";
    let parsed = reqwest::Url::parse(url).map_err(|e| format!("{e}; {expected}"))?;
    let (secure, default) = match parsed.scheme() {
        "mqtt" | "tcp" => (false, 1883),
        "mqtts" | "ssl" => (true, 8883),
        _ => return Err(expected.to_owned()),
    };
    if parsed.password().is_some() {
        return Err(String::from("the address holds a password: put it into a file (`password_file`)"));
    }
    if !matches!(parsed.path(), "" | "/") || parsed.query().is_some() {
        return Err(format!("topics belong into `topic`; {expected}"));
    }
    let host = parsed.host_str().filter(|h| !h.is_empty()).ok_or(expected)?;
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let user = Some(parsed.username().to_owned()).filter(|u| !u.is_empty());
    Ok((host, parsed.port().unwrap_or(default), secure, user))
}

/// Reads the bus until the engine stops taking entries.
pub async fn run(config: MqttConfig, outlet: Outlet) {
    let (tx, heard) = mpsc::channel(QUEUE);
    let name = format!("mqtt {}:{}", config.broker.host, config.broker.port);
    let link = tokio::spawn(link::run(config.broker, config.seed, tx));
    let mut bus = Bus::new(name, config.placing, outlet);
    // The only error is that the engine has stopped: then there is nothing left to do.
    let _: Result<(), Stopped> = bus.drive(heard).await;
    link.abort();
}

/// The bus as it is known here.
struct Bus {
    name: String,
    table: Table,
    outlet: Outlet,
    state: TargetState,
    version: &'static str,
    last_ok: Option<Timestamp>,
    failures: u32,
    /// Messages before the last report.
    reported: u64,
    /// Deliveries until the next report.
    until_report: u32,
}

impl Bus {
    fn new(name: String, placing: Placing, outlet: Outlet) -> Self {
        Self {
            name,
            table: Table::new(placing),
            outlet,
            state: TargetState::Waiting,
            version: "",
            last_ok: None,
            failures: 0,
            reported: 0,
            until_report: 0,
        }
    }

    async fn drive(&mut self, mut heard: mpsc::Receiver<Heard>) -> Result<(), Stopped> {
        let mut timer = tokio::time::interval(DELIVER_EVERY);
        timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                news = heard.recv() => match news {
                    Some(news) => self.hear(news),
                    None => return Ok(()),
                },
                _ = timer.tick() => self.deliver()?,
            }
        }
    }

    fn hear(&mut self, news: Heard) {
        let now = self.outlet.now();
        match news {
            Heard::Message { topic, payload, kept } => {
                self.last_ok = Some(now);
                self.table.take(&topic, &payload, now.millis(), kept);
            }
            Heard::Connected(version) => {
                (self.state, self.version, self.failures) = (TargetState::Up, version, 0);
                self.until_report = 0;
            }
            Heard::Lost(reason) => {
                self.state = TargetState::Down(reason);
                self.failures += 1;
                self.until_report = 0;
            }
        }
    }

    /// Hands over what is new. Where the engine is behind, values gather in the table: of each point
    /// the newest one goes with the next delivery.
    fn deliver(&mut self) -> Result<(), Stopped> {
        let tx = self.outlet.tx.clone();
        let Ok(mut room) = tx.try_reserve_many(2) else {
            return if tx.is_closed() { Err(Stopped) } else { Ok(()) };
        };
        let now = self.outlet.now();
        let plant = self.table.deliver(now.millis());
        let silence = self.table.hearts().silence(now.millis());
        let beat = |(ms, _): (i64, &str)| FacilityReading::Site(SitePoint::BmsHeartbeat, ms as f32 / 1000.0);
        let facility: Vec<_> = silence.map(beat).into_iter().collect();
        if let Some(place) = room.next().filter(|_| !(plant.is_empty() && facility.is_empty())) {
            place.send(Entry::Batch(Batch { plant, facility, ..Batch::new(self.outlet.source, now) }));
        }
        if self.until_report == 0
            && let Some(place) = room.next()
        {
            self.until_report = REPORT_EVERY;
            let status = self.status(now);
            place.send(Entry::Source(status));
        }
        self.until_report = self.until_report.saturating_sub(1);
        Ok(())
    }

    fn status(&mut self, now: Timestamp) -> SourceStatus {
        let messages = self.table.tally().messages;
        let target = TargetStatus {
            name: self.name.trim_start_matches("mqtt ").to_owned(),
            state: self.state.clone(),
            last_ok: self.last_ok,
            samples: u32::try_from(messages - self.reported).unwrap_or(u32::MAX),
            bad_lines: u32::try_from(self.table.tally().refused).unwrap_or(u32::MAX),
            failures: self.failures,
            ..TargetStatus::default()
        };
        self.reported = messages;
        SourceStatus {
            source: self.outlet.source,
            name: self.name.clone(),
            time: now,
            interval_ms: INTERVAL_MS,
            note: Some(self.note(now.millis())),
            targets: vec![(0, target)],
            target_count: 1,
        }
    }

    /// What there is to say of the bus, the worst first.
    fn note(&self, now: i64) -> String {
        let (tally, hearts) = (self.table.tally(), self.table.hearts());
        let mut parts = Vec::new();
        match hearts.silence(now) {
            Some((ms, key)) if ms > SILENT_MS => {
                parts.push(format!("BMS silent for {} s ({key})", ms / 1000));
            }
            None if tally.points > 0 => {
                parts.push(String::from("no heartbeat: a silent BMS would look unchanged"));
            }
            _ => {}
        }
        if tally.unplaced > 0 {
            let objects = if tally.unplaced == 1 { "object matches" } else { "objects match" };
            let (count, first) = (tally.unplaced, &tally.first_unplaced);
            parts.push(format!("{count} {objects} no placing rule; first: {first}"));
        }
        if let Some(ms) = hearts.offset().filter(|ms| ms.abs() > CLOCK_MS) {
            parts.push(format!(
                "its clock is {} s {} ours",
                ms.abs() / 1000,
                if ms < 0 { "behind" } else { "ahead of" }
            ));
        }
        if tally.doubtful > 0 {
            parts.push(format!("{} values in doubt", tally.doubtful));
        }
        if tally.bare > 0 {
            parts.push(format!("{} points without metadata", tally.bare));
        }
        parts.push(format!("{} points", tally.points));
        if !self.version.is_empty() {
            parts.push(self.version.to_owned());
        }
        parts.join("; ")
    }
}

#[cfg(test)]
mod tests;
