//! What goes wrong between the console and a broker: certificates, passwords, versions, restarts. Each
//! is told in words that an operator understands, is tried again, and nothing looks fresh meanwhile.

use std::path::Path;

use hallwatch::model::batch::Batch;
use hallwatch::source::http::{Secret, TlsConfig};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::mosquitto::{free_port, passwords};
use super::*;

const POINT: &str = "Rack/RackPower/nvidia/titan/pod1C/rowE/rack05/info/power/power/value";

/// A source that runs, and what it tells.
struct Watched {
    rx: mpsc::Receiver<Entry>,
}

impl Watched {
    fn start(config: MqttConfig) -> Self {
        let (tx, rx) = mpsc::channel(16);
        tokio::spawn(mqtt::run(config, Outlet { source: 0, tx, clock: wall_clock }));
        Self { rx }
    }

    /// Takes in entries until one of them answers.
    async fn until<T>(&mut self, mut found: impl FnMut(&Entry) -> Option<T>) -> T {
        let search = async {
            loop {
                let entry = self.rx.recv().await.expect("the source runs");
                if let Some(found) = found(&entry) {
                    return found;
                }
            }
        };
        timeout(PATIENCE, search).await.expect("it is told in time")
    }

    /// The reason of the first loss, and the failures in a row at that moment.
    async fn down(&mut self) -> (String, u32) {
        self.until(|entry| match status(entry)? {
            (TargetState::Down(reason), failures, _) => Some((reason, failures)),
            _ => None,
        })
        .await
    }

    /// The note of the source once it is connected.
    async fn up(&mut self) -> String {
        self.until(|entry| match status(entry)? {
            (TargetState::Up, 0, note) => Some(note),
            _ => None,
        })
        .await
    }

    /// The next reading of the point.
    async fn reading(&mut self) -> PlantReading {
        self.until(|entry| batch(entry)?.plant.first().cloned()).await
    }
}

fn batch(entry: &Entry) -> Option<&Batch> {
    if let Entry::Batch(batch) = entry { Some(batch) } else { None }
}

fn status(entry: &Entry) -> Option<(TargetState, u32, String)> {
    let Entry::Source(status) = entry else { return None };
    let target = &status.targets.first()?.1;
    Some((target.state.clone(), target.failures, status.note.clone().unwrap_or_default()))
}

fn with_tls(port: u16, ca_file: &Path, server_name: Option<&str>) -> MqttConfig {
    let mut config = config(port, Version::Auto);
    let server_name = server_name.map(str::to_owned);
    config.broker.tls =
        Some(TlsConfig { ca_file: Some(ca_file.into()), server_name, ..TlsConfig::default() });
    config
}

/// An authority of our own: its certificate in `folder`, and what signs with it.
fn authority(folder: &Path, name: &str) -> (std::path::PathBuf, Issuer<'static, KeyPair>) {
    let mut params = CertificateParams::new(Vec::new()).expect("no names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    let key = KeyPair::generate().expect("a key");
    let file = folder.join(format!("{name}.pem"));
    std::fs::write(&file, params.self_signed(&key).expect("signed").pem()).expect("writable");
    (file, Issuer::new(params, key))
}

/// Settings of a broker whose certificate, for these names, `issuer` has signed.
fn encrypted(folder: &Path, names: &[&str], issuer: &Issuer<'static, KeyPair>) -> String {
    let names: Vec<String> = names.iter().map(|n| (*n).to_owned()).collect();
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(names).expect("names");
    let (cert, secret) = (folder.join("broker.pem"), folder.join("broker.key"));
    std::fs::write(&cert, params.signed_by(&key, issuer).expect("signed").pem()).expect("writable");
    std::fs::write(&secret, key.serialize_pem()).expect("writable");
    format!("allow_anonymous true\ncertfile {}\nkeyfile {}\n", cert.display(), secret.display())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_with_a_certificate_of_our_own_authority_is_believed_and_no_other() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let (ours, issuer) = authority(home.path(), "ours");
    let (other, _) = authority(home.path(), "other");
    let settings = encrypted(home.path(), &["bus.site"], &issuer);
    let Some(broker) = Mosquitto::with(free_port(), &settings) else { return };
    // The certificate is that of a name; the address is another one.
    let mut named = Watched::start(with_tls(broker.port, &ours, Some("bus.site")));
    assert!(named.up().await.ends_with("MQTT 5"));
    let (reason, _) = Watched::start(with_tls(broker.port, &ours, None)).down().await;
    assert_eq!(reason, "TLS: the certificate of the other side is for another name (server_name)");
    let (reason, _) = Watched::start(with_tls(broker.port, &other, Some("bus.site"))).down().await;
    let expected = "TLS: the certificate of the other side is of no authority that is trusted here (ca_file)";
    assert_eq!(reason, expected);
    // Who forgets the `s` is told that somebody hung up.
    let (reason, _) = Watched::start(config(broker.port, Version::V5)).down().await;
    assert_eq!(reason, "the broker closed the connection");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_without_tls_is_told_where_tls_is_asked_for() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let (ca, _) = authority(home.path(), "ours");
    let Some(broker) = Mosquitto::start() else { return };
    let (reason, _) = Watched::start(with_tls(broker.port, &ca, None)).down().await;
    assert!(reason.starts_with("TLS: ") && reason.contains("speak TLS"), "{reason}");
    let (reason, _) = Watched::start(with_tls(broker.port, &home.path().join("none"), None)).down().await;
    assert!(reason.contains("none") && reason.contains("CA"), "{reason}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_password_is_told_and_tried_again_until_it_is_right() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let (users, secret) = (home.path().join("users"), home.path().join("password"));
    if passwords(&users, "hallwatch", "the right one").is_none() {
        return;
    }
    let settings = format!("allow_anonymous false\npassword_file {}\n", users.display());
    let Some(broker) = Mosquitto::with(free_port(), &settings) else { return };
    for version in [Version::Auto, Version::V311] {
        std::fs::write(&secret, "wrong").expect("writable");
        let mut config = config(broker.port, version);
        config.broker.login = Some(("hallwatch".into(), Secret::file(&secret)));
        let mut bus = Watched::start(config);
        let mut failures = 0;
        while failures < 2 {
            let (reason, seen) = bus.down().await;
            assert_eq!(reason, "the broker refuses user or password");
            failures = seen;
        }
        // The file is read again: nobody has to start the console anew.
        std::fs::write(&secret, "the right one").expect("writable");
        let note = bus.up().await;
        assert!(note.ends_with(if version == Version::V311 { "MQTT 3.1.1" } else { "MQTT 5" }), "{note}");
    }
}

/// How a broker of MQTT 3.1.1 alone answers to MQTT 5.
#[derive(Clone, Copy)]
enum Refusal {
    /// In the words of MQTT 5: unsupported protocol version.
    Five,
    /// In the words of 3.1.1: unacceptable protocol version.
    Three,
    /// Not at all.
    HangUp,
}

/// Reads one packet of less than 128 bytes: its kind and its content.
async fn packet(stream: &mut TcpStream) -> Option<(u8, Vec<u8>)> {
    let mut head = [0; 2];
    stream.read_exact(&mut head).await.ok()?;
    let mut body = vec![0; usize::from(head[1])];
    stream.read_exact(&mut body).await.ok()?;
    Some((head[0], body))
}

/// Serves one visitor until it leaves.
async fn serve_three(mut stream: TcpStream, refusal: Refusal) -> Option<()> {
    let (_, connect) = packet(&mut stream).await?;
    // Behind the name of the protocol stands its version.
    if connect.get(6) == Some(&5) {
        let answer: &[u8] = match refusal {
            Refusal::Five => &[0x20, 3, 0, 0x84, 0],
            Refusal::Three => &[0x20, 2, 0, 1],
            Refusal::HangUp => &[],
        };
        return stream.write_all(answer).await.ok();
    }
    stream.write_all(&[0x20, 2, 0, 0]).await.ok()?;
    while let Some((kind, body)) = packet(&mut stream).await {
        match kind {
            0x82 => stream.write_all(&[0x90, 3, body[0], body[1], 0]).await.ok()?,
            0xC0 => stream.write_all(&[0xD0, 0]).await.ok()?,
            _ => {}
        }
    }
    Some(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_does_not_take_mqtt_5_is_spoken_to_in_3_1_1() {
    for refusal in [Refusal::Five, Refusal::Three, Refusal::HangUp] {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve_three(stream, refusal));
            }
        });
        let note = Watched::start(config(port, Version::Auto)).up().await;
        assert!(note.ends_with("MQTT 3.1.1"), "{note}");
        // Who insists on MQTT 5 is told why there is nothing.
        let (reason, _) = Watched::start(config(port, Version::V5)).down().await;
        let expected = match refusal {
            Refusal::Five => "the broker does not take MQTT 5",
            // An answer in the words of 3.1.1 is too short for MQTT 5 when the broker hangs up behind it.
            Refusal::Three | Refusal::HangUp => "the broker closed the connection",
        };
        assert_eq!(reason, expected);
    }
}

/// Metadata of the point, and a value of now.
fn told(kw: f64, time: Timestamp) -> Vec<(String, String)> {
    let meta = r#"{"objectType":"Rack","pointType":"RackPower","engUnit":"kW","rackLocationName":"Pod1C-E05","rackLocationId":"Pod1C-E05"}"#;
    let value = format!(r#"{{"value":{kw},"timestamp":{},"quality":1}}"#, time.millis());
    vec![
        (format!("BMS/v1/PUB/Metadata/{POINT}"), meta.to_owned()),
        (format!("BMS/v1/PUB/Value/{POINT}"), value),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_restart_of_the_broker_values_are_fresh_again_and_not_before() {
    let Some(broker) = Mosquitto::start() else { return };
    let port = broker.port;
    let mut bus = Watched::start(config(port, Version::Auto));
    bus.up().await;
    publish(port, &told(47.5, wall_clock())).await;
    let before = bus.reading().await;
    assert_eq!((before.value, before.quality), (47.5, PlantQuality::Good));
    drop(broker);
    let lost = bus
        .until(|entry| {
            assert!(batch(entry).is_none_or(|b| b.plant.is_empty()), "nothing is new: {entry:?}");
            match status(entry)? {
                (TargetState::Down(reason), failures, _) => Some((failures, reason)),
                _ => None,
            }
        })
        .await;
    // Told once a second: the next attempt may have failed by then.
    let reasons = ["the broker closed the connection", "connection refused"];
    assert!(reasons.contains(&lost.1.as_str()), "{}", lost.1);
    // Two more attempts fail before it is there again: no value is told as new meanwhile.
    bus.until(|entry| {
        assert!(batch(entry).is_none_or(|b| b.plant.is_empty()), "nothing is new: {entry:?}");
        status(entry).filter(|(_, failures, _)| *failures > lost.0 + 1)
    })
    .await;
    let _again = Mosquitto::with(port, "allow_anonymous true\n").expect("it was there before");
    bus.up().await;
    // Connected is not fresh: the value is as old as it was.
    let now = wall_clock();
    publish(port, &told(48.25, now)).await;
    let after = bus.reading().await;
    assert_eq!((after.value, after.quality, after.number), (48.25, PlantQuality::Good, before.number));
    assert!(after.time >= now, "{} is before {now}", after.time);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_that_the_broker_had_kept_is_as_old_as_its_sender_says() {
    let Some(broker) = Mosquitto::start() else { return };
    let mut messages = told(47.5, wall_clock().plus_millis(-400_000));
    // Kept like metadata: `publish` keeps what has that word in its topic.
    let value = messages.pop().expect("a value");
    publish(broker.port, &messages).await;
    keep(broker.port, value).await;
    let reading = Watched::start(config(broker.port, Version::Auto)).reading().await;
    assert_eq!(reading.quality, PlantQuality::Stale("not repeated for 300 s"));
    let age = wall_clock().since(reading.time);
    assert!((400_000..400_000 + PATIENCE.as_millis() as i64).contains(&age), "{age} ms");
}

/// Publishes a message that the broker keeps.
async fn keep(port: u16, (topic, payload): (String, String)) {
    let (client, mut events) = AsyncClient::new(MqttOptions::new("keep", "127.0.0.1", port), 10);
    client.publish(topic, QoS::AtLeastOnce, true, payload).await.expect("the loop runs");
    while !matches!(events.poll().await.expect("the broker is there"), Event::Incoming(Packet::PubAck(_))) {}
}
