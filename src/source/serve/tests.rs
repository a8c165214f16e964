//! Tests of the endpoints over loopback.

use std::collections::BTreeMap;

use serde_json::Value;
use tokio::sync::oneshot;

use super::*;
use crate::source::sim::scenario::Scenario;

struct Running {
    url: String,
    stop: oneshot::Sender<()>,
    task: tokio::task::JoinHandle<()>,
}

fn config(trays: usize, ticks: u64) -> ServeConfig {
    ServeConfig {
        topology: Arc::new(Topology::default_site()),
        plan: Plan::of_seed(7),
        trays,
        ticks,
        frozen: true,
        speed: 1.0,
        targets_file: None,
        layout: Layout::default(),
    }
}

async fn start(config: ServeConfig) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
    let server = Server::prepare(listener, config).expect("there are trays");
    let url = server.base_url().to_owned();
    let (stop, stopped) = oneshot::channel::<()>();
    let task = tokio::spawn(server.run(async move {
        let _ = stopped.await;
    }));
    Running { url, stop, task }
}

impl Running {
    async fn get(&self, path: &str) -> (u16, String) {
        let answer = client().get(format!("{}{path}", self.url)).send().await.expect("an answer");
        (answer.status().as_u16(), answer.text().await.expect("text"))
    }

    async fn json(&self, path: &str) -> Value {
        let (status, text) = self.get(path).await;
        assert_eq!(status, 200);
        serde_json::from_str(&text).expect("JSON")
    }

    async fn end(self) {
        let _ = self.stop.send(());
        self.task.await.expect("no panic");
    }
}

fn client() -> reqwest::Client {
    // The client is built with a TLS library chosen at run time, even where none is used.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(20)).build().expect("a client")
}

/// A reader of pages that shares nothing with the project's own: family and GPU index to value.
fn parse(page: &str) -> BTreeMap<(String, u32), f64> {
    let mut values = BTreeMap::new();
    for line in page.lines().filter(|l| !l.starts_with('#')) {
        let (name, rest) = line.split_once('{').expect("labels");
        let (labels, value) = rest.rsplit_once("} ").expect("a value");
        let gpu = labels.split("gpu=\"").nth(1).and_then(|s| s.split('"').next()).expect("gpu label");
        let old =
            values.insert((name.to_owned(), gpu.parse().expect("index")), value.parse().expect("number"));
        assert_eq!(old, None, "no series twice");
    }
    values
}

#[tokio::test]
async fn every_page_says_what_the_truth_says_and_lost_gpus_are_missing() {
    let server = start(config(54, 100)).await;
    let truth = server.json("/truth.json").await;
    let (mut lost, mut silent, mut compared) = (0, 0, 0);
    for host in truth["hosts"].as_array().expect("hosts") {
        if host["silent"] == true {
            silent += 1;
            if host["tray"].as_u64().expect("number").is_multiple_of(2) {
                assert_eq!(server.get(host["path"].as_str().expect("path")).await.0, 503);
            }
            continue;
        }
        let (status, page) = server.get(host["path"].as_str().expect("path")).await;
        assert_eq!(status, 200);
        assert!(page.contains(&format!("Hostname=\"{}\"", host["host"].as_str().expect("host"))));
        let page = parse(&page);
        for gpu in host["gpus"].as_array().expect("gpus") {
            let index = gpu["gpu"].as_u64().expect("index") as u32;
            let said = |family: &str| page.get(&(format!("DCGM_FI_DEV_{family}"), index)).copied();
            assert_eq!(said("GPU_UTIL"), gpu["util"].as_f64());
            assert_eq!(said("POWER_USAGE"), gpu["power"].as_f64());
            assert_eq!(said("GPU_TEMP"), gpu["temp"].as_f64());
            lost += u32::from(gpu["lost"] == true);
            compared += u32::from(gpu["lost"] == false);
        }
    }
    assert!(lost >= 1 && silent >= 1 && compared > 150, "{lost} lost, {silent} silent, {compared} compared");
    server.end().await;
}

/// A configuration in which tray 2 falls silent in second 3.
fn scripted(asset: &str) -> ServeConfig {
    let text = format!(
        "name = \"x\"\ntitle = \"X\"\ndoc = \"\"\nlength = \"9s\"\n\
         [[event]]\nat = \"1s\"\ndo = \"silent\"\non = \"{asset}\"\n"
    );
    let scenario = Scenario::parse(&text, "s.toml").expect("valid");
    ServeConfig { plan: Plan { seed: 7, scenario: Some((Arc::new(scenario), 2)) }, ..config(4, 8) }
}

#[tokio::test]
async fn a_scenario_happens_to_the_trays_that_are_served() {
    let silent = |truth: &Value| truth["hosts"][2]["silent"] == true;
    let (plain, script) = (start(config(4, 8)).await, start(scripted("H1-R01-K1-T03")).await);
    assert!(!silent(&plain.json("/truth.json").await) && silent(&script.json("/truth.json").await));
    plain.end().await;
    script.end().await;
    // The sixth tray is not served, so nothing can happen to it.
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
    let refused = Server::prepare(listener, scripted("H1-R01-K1-T06")).expect_err("it is not there");
    assert!(refused.to_string().starts_with("s.toml:8: no `T06` in H1-R01-K1"), "{refused}");
}

#[tokio::test]
async fn the_target_list_is_served_and_written_and_leads_to_the_pages() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("targets.json");
    let server = start(ServeConfig { targets_file: Some(path.clone()), ..config(6, 1) }).await;
    let list = server.json("/targets.json").await;
    let file = std::fs::read_to_string(&path).expect("written before it is ready");
    assert_eq!(serde_json::from_str::<Value>(&file).expect("JSON"), list);
    let targets = list.as_array().expect("an array");
    assert_eq!(targets.len(), 6);
    for t in targets {
        assert_eq!(format!("http://{}", t["targets"][0].as_str().expect("address")), server.url);
        for label in ["hall", "row", "rack", "tray", "__metrics_path__"] {
            assert!(t["labels"][label].is_string(), "{label}");
        }
        let (status, page) = server.get(t["labels"]["__metrics_path__"].as_str().expect("path")).await;
        assert!(status == 200 && page.contains("# TYPE DCGM_FI_DEV_GPU_UTIL gauge"));
    }
    server.end().await;
}

#[tokio::test]
async fn nonsense_is_not_found_and_writing_is_not_allowed() {
    let server = start(config(6, 1)).await;
    for path in [
        "/",
        "/metrics",
        "/tray/6/metrics",
        "/tray/-1/metrics",
        "/tray/00/metrics",
        "/tray/+1/metrics",
        "/tray//metrics",
        "/tray/99999999999999999999999/metrics",
        "/tray/1/metrics/x",
        "/tray/1",
        "/../etc/passwd",
    ] {
        assert_eq!(server.get(path).await.0, 404, "{path}");
    }
    let post = client().post(format!("{}/tray/0/metrics", server.url)).send().await.expect("an answer");
    assert_eq!(post.status().as_u16(), 405);
    assert_eq!(server.get("/tray/5/metrics").await.0, 200);
    server.end().await;
}

#[tokio::test]
async fn a_frozen_fleet_stands_still_and_another_goes_on() {
    let frozen = start(ServeConfig { speed: 500.0, ..config(6, 30) }).await;
    assert_eq!(frozen.json("/truth.json").await["tick"], 30);
    let (_, one) = frozen.get("/tray/1/metrics").await;
    let (_, two) = frozen.get("/tray/1/metrics").await;
    assert_eq!(one, two);
    frozen.end().await;

    let moving = start(ServeConfig { frozen: false, speed: 500.0, ..config(6, 30) }).await;
    let mut tick = 0;
    // Each question takes time in which the fleet lives on: at most a bounded number is needed.
    for _ in 0..5000 {
        tick = moving.json("/truth.json").await["tick"].as_u64().expect("a number");
        if tick > 32 {
            break;
        }
    }
    assert!(tick > 32, "{tick}");
    moving.end().await;
}

#[tokio::test]
async fn an_asker_of_a_silent_odd_tray_waits_and_others_do_not() {
    let server = start(config(54, 100)).await;
    let truth = server.json("/truth.json").await;
    let silent = truth["hosts"].as_array().expect("hosts").iter();
    let mut odd = silent.filter(|h| h["silent"] == true && h["tray"].as_u64().is_some_and(|t| t % 2 == 1));
    let path = odd.next().expect("an odd tray is silent")["path"].as_str().expect("path").to_owned();
    {
        let stalled = server.get(&path);
        tokio::pin!(stalled);
        tokio::select! {
            _ = &mut stalled => panic!("a stalled exporter does not answer"),
            (status, _) = server.get("/targets.json") => assert_eq!(status, 200),
        }
    }
    server.end().await;
}

#[tokio::test]
async fn what_is_announced_is_the_url_the_list_and_that_it_is_ready() {
    let listener = TcpListener::bind("0.0.0.0:0").await.expect("any port");
    let server = Server::prepare(listener, config(2, 1)).expect("there are trays");
    let [url, list, ready] = server.announce();
    assert!(url.starts_with("http://127.0.0.1:"), "reachable: {url}");
    assert_eq!(list, format!("{url}/targets.json"));
    assert_eq!(ready, "ready");
}

#[tokio::test]
async fn what_cannot_be_served_is_refused_with_the_reason() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
    let error = serve(listener, config(0, 1), std::future::ready(())).await.expect_err("no trays");
    assert_eq!(error.to_string(), "no trays to serve");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
    let lost = ServeConfig { targets_file: Some("/nonexistent/t.json".into()), ..config(2, 1) };
    let error = serve(listener, lost, std::future::ready(())).await.expect_err("no such folder");
    assert!(error.to_string().starts_with("cannot write the target list /nonexistent/t.json: "), "{error}");
}

#[tokio::test]
async fn each_tray_answers_at_an_address_of_its_own_and_some_hang() {
    let layout = Layout { own_addresses: true, hanging: 20 };
    let listener = TcpListener::bind("0.0.0.0:0").await.expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    let server = Server::prepare(listener, ServeConfig { layout, ..config(40, 5) }).expect("there are trays");
    let (stop, stopped) = oneshot::channel::<()>();
    let task = tokio::spawn(server.run(async move {
        let _ = stopped.await;
    }));
    let ask = |tray: usize| {
        let ip = site::address(tray).expect("in range");
        client().get(format!("http://{ip}:{port}/metrics")).send()
    };
    let mut answered = 0;
    for tray in (0..40).filter(|t| !layout.hangs(*t)) {
        // A silent tray with an odd number keeps its asker waiting.
        let Ok(answer) = tokio::time::timeout(Duration::from_secs(2), ask(tray)).await else { continue };
        let text = answer.expect("an answer").text().await.expect("text");
        answered += usize::from(text.contains(&format!("-t{:02}\"", tray % 18 + 1)));
    }
    assert!(answered >= 20, "{answered}");
    let hanging = (0..40).find(|t| layout.hangs(*t)).expect("a fifth of them");
    assert!(tokio::time::timeout(Duration::from_millis(200), ask(hanging)).await.is_err());
    let _ = stop.send(());
    task.await.expect("no panic");
}
