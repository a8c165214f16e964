//! The connection to the broker, MQTT 5 or 3.1.1: made again with growing pauses when it is lost, and
//! the topics subscribed anew each time.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rumqttc::v5::mqttbytes::v5 as five;
use rumqttc::{TlsConfiguration, Transport, v5};
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::{BrokerConfig, Version, words};
use crate::model::text;

/// Largest packet that is taken; one that is larger ends the connection.
pub(super) const MAX_PACKET: usize = 256 << 10;
/// Time without a word after which the broker is asked whether it is there.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How long making a connection may take, s.
pub(super) const CONNECT_S: u64 = 5;
/// First and longest pause between attempts.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// Requests to the broker that may wait: there is one, the subscription.
const REQUESTS: usize = 4;

/// What the connection tells.
#[derive(Clone, Debug, PartialEq)]
pub enum Heard {
    /// The broker took the connection, with this version, and the subscription.
    Connected(&'static str),
    /// A message.
    Message {
        /// Its topic, as it was sent.
        topic: String,
        /// Its payload.
        payload: Bytes,
        /// The broker had kept it: it is from before.
        kept: bool,
    },
    /// The connection is lost or was not made, for this reason.
    Lost(String),
}

/// Tells of everything until nobody listens; connects again and again.
pub async fn run(config: BrokerConfig, seed: u64, heard: mpsc::Sender<Heard>) {
    let mut pause = FIRST_PAUSE;
    let mut dice = seed | 1;
    let mut version = if config.version == Version::V311 { Version::V311 } else { Version::V5 };
    loop {
        let failure = attempt(&config, version, &heard).await;
        let Some(failure) = failure else { return };
        if failure.connected {
            pause = FIRST_PAUSE;
        } else if config.version == Version::Auto && failure.of_version {
            version = if version == Version::V5 { Version::V311 } else { Version::V5 };
        }
        if heard.send(Heard::Lost(text::clean(&failure.reason))).await.is_err() {
            return;
        }
        // Half to the whole of the pause, so that many consoles do not come back at one moment.
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let share = 0.5 + 0.5 * f64::from((dice >> 33) as u32) / f64::from(u32::MAX >> 1);
        tokio::select! {
            () = heard.closed() => return,
            () = sleep(pause.mul_f64(share.min(1.0))) => {}
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

struct Failure {
    reason: String,
    connected: bool,
    /// The other version of the protocol may be the cure.
    of_version: bool,
}

/// One connection from its making to its end; `None` when nobody listens any more.
async fn attempt(config: &BrokerConfig, version: Version, heard: &mpsc::Sender<Heard>) -> Option<Failure> {
    let mut connected = false;
    let fail = |reason: String, of_version, connected| Some(Failure { reason, connected, of_version });
    let mut link = match Link::new(config, version) {
        Ok(link) => link,
        Err(reason) => return fail(reason, false, false),
    };
    loop {
        let next = tokio::select! {
            () = heard.closed() => return None,
            next = link.next() => next,
        };
        let news = match next {
            Ok(None) => continue,
            Ok(Some(news)) => news,
            Err((reason, of_version)) => return fail(reason, of_version && !connected, connected),
        };
        if matches!(news, Heard::Connected(_)) {
            connected = true;
            if let Err(reason) = link.subscribe(&config.topic) {
                return fail(reason, false, true);
            }
        }
        if heard.send(news).await.is_err() {
            return None;
        }
    }
}

enum Link {
    Five(Box<(v5::AsyncClient, v5::EventLoop)>),
    Three(Box<(rumqttc::AsyncClient, rumqttc::EventLoop)>),
}

type Next = Result<Option<Heard>, (String, bool)>;

impl Link {
    fn new(config: &BrokerConfig, version: Version) -> Result<Self, String> {
        let transport = match &config.tls {
            None => Transport::Tcp,
            Some(tls) => {
                let mut tls = tls.client_config().map_err(|e| e.to_string())?;
                tls.alpn_protocols.clear();
                Transport::Tls(TlsConfiguration::Rustls(Arc::new(tls)))
            }
        };
        let login = match &config.login {
            None => None,
            Some((user, secret)) => Some((user.clone(), secret.read("password").map_err(|e| e.to_string())?)),
        };
        let (id, host) = (config.client_id.clone(), config.host.clone());
        if version == Version::V311 {
            let mut options = rumqttc::MqttOptions::new(id, host, config.port);
            options.set_transport(transport).set_keep_alive(KEEP_ALIVE).set_clean_session(true);
            options.set_max_packet_size(MAX_PACKET, MAX_PACKET);
            if let Some((user, password)) = login {
                options.set_credentials(user, password);
            }
            let (client, mut events) = rumqttc::AsyncClient::new(options, REQUESTS);
            let mut network = events.network_options();
            network.set_connection_timeout(CONNECT_S);
            events.set_network_options(network);
            return Ok(Self::Three(Box::new((client, events))));
        }
        let mut options = v5::MqttOptions::new(id, host, config.port);
        options.set_transport(transport).set_keep_alive(KEEP_ALIVE).set_clean_start(true);
        options.set_max_packet_size(Some(MAX_PACKET as u32)).set_connection_timeout(CONNECT_S);
        if let Some((user, password)) = login {
            options.set_credentials(user, password);
        }
        Ok(Self::Five(Box::new(v5::AsyncClient::new(options, REQUESTS))))
    }

    fn subscribe(&self, topic: &str) -> Result<(), String> {
        // At most once: everything is sent again every 100 s, and the broker need not keep it for us.
        let done = match self {
            Self::Five(link) => {
                let once = v5::mqttbytes::QoS::AtMostOnce;
                link.0.try_subscribe(topic, once).map_err(|e| e.to_string())
            }
            Self::Three(link) => {
                link.0.try_subscribe(topic, rumqttc::QoS::AtMostOnce).map_err(|e| e.to_string())
            }
        };
        done.map_err(|e| format!("cannot subscribe to `{topic}`: {e}"))
    }

    async fn next(&mut self) -> Next {
        match self {
            Self::Five(link) => match link.1.poll().await {
                Ok(event) => five_event(event),
                Err(e) => Err(words::five(&e)),
            },
            Self::Three(link) => match link.1.poll().await {
                Ok(event) => three_event(event),
                Err(e) => Err(words::three(&e)),
            },
        }
    }
}

const REFUSED_TOPIC: &str = "the broker refuses the subscription: may this user read the topic?";

fn five_event(event: v5::Event) -> Next {
    use v5::mqttbytes::v5::Packet;
    match event {
        v5::Event::Incoming(Packet::ConnAck(_)) => Ok(Some(Heard::Connected("MQTT 5"))),
        v5::Event::Incoming(Packet::Publish(p)) => Ok(Some(Heard::Message {
            topic: String::from_utf8_lossy(&p.topic).into_owned(),
            payload: p.payload,
            kept: p.retain,
        })),
        v5::Event::Incoming(Packet::SubAck(ack))
            if !ack.return_codes.iter().all(|c| matches!(c, five::SubscribeReasonCode::Success(_))) =>
        {
            Err((REFUSED_TOPIC.to_owned(), false))
        }
        v5::Event::Incoming(Packet::Disconnect(d)) => {
            Err((format!("the broker ended the connection: {:?}", d.reason_code), false))
        }
        _ => Ok(None),
    }
}

fn three_event(event: rumqttc::Event) -> Next {
    use rumqttc::{Event, Packet, SubscribeReasonCode};
    match event {
        Event::Incoming(Packet::ConnAck(_)) => Ok(Some(Heard::Connected("MQTT 3.1.1"))),
        Event::Incoming(Packet::Publish(p)) => {
            Ok(Some(Heard::Message { topic: p.topic, payload: p.payload, kept: p.retain }))
        }
        Event::Incoming(Packet::SubAck(ack)) if ack.return_codes.contains(&SubscribeReasonCode::Failure) => {
            Err((REFUSED_TOPIC.to_owned(), false))
        }
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    fn config(port: u16, version: Version) -> BrokerConfig {
        BrokerConfig {
            host: "127.0.0.1".into(),
            port,
            tls: None,
            login: None,
            client_id: "test".into(),
            topic: "BMS/v1/PUB/#".into(),
            version,
        }
    }

    #[tokio::test]
    async fn nobody_there_is_told_in_words() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        drop(listener);
        for version in [Version::V5, Version::V311] {
            let (tx, mut rx) = mpsc::channel(4);
            let task = tokio::spawn(run(config(port, version), 1, tx));
            assert_eq!(rx.recv().await, Some(Heard::Lost("connection refused".into())));
            drop(rx);
            task.await.expect("it ends when nobody listens");
        }
    }

    #[tokio::test]
    async fn something_that_is_no_broker_is_told_and_left() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let other = tokio::spawn(async move {
            use tokio::io::AsyncWriteExt;
            let (mut stream, _) = listener.accept().await.expect("a visitor");
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.expect("sent");
            stream
        });
        let (tx, mut rx) = mpsc::channel(4);
        let task = tokio::spawn(run(config(port, Version::V5), 1, tx));
        let Some(Heard::Lost(reason)) = rx.recv().await else { panic!("no connection") };
        assert!(!reason.is_empty() && reason.len() < 200, "{reason}");
        drop((rx, other));
        task.await.expect("it ends when nobody listens");
    }
}
