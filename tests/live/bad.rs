//! Exporters that die, lie or try to steer the terminal, seen from the far end of the program.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use hallwatch::engine::{Core, Engine, EngineHandle, Pace};
use hallwatch::fleet::Snapshot;
use hallwatch::model::entry::TargetState;
use hallwatch::model::topology::place::Placer;
use hallwatch::model::topology::plan::Plan;
use hallwatch::model::{Asset, GpuId, Metric, Quality, Timestamp};
use hallwatch::source::Outlet;
use hallwatch::source::scrape::{self, Limits, ScrapeConfig};
use serde_json::json;

use crate::program::{Home, Run, project};
use crate::server::{Answer, Server, gzip_bomb};

const GOOD: &str =
    "DCGM_FI_DEV_GPU_TEMP{gpu=\"0\",UUID=\"GPU-1\"} 61\nDCGM_FI_DEV_GPU_UTIL{gpu=\"0\",UUID=\"GPU-1\"} 97\n";

/// How often targets are asked, ms.
const INTERVAL: i64 = 200;
/// The clock of the test of dying exporters, ms: it stands still until it is put forward.
static NOW: AtomicI64 = AtomicI64::new(1_795_316_400_000);

fn now() -> Timestamp {
    Timestamp(NOW.load(Ordering::SeqCst))
}

fn forward(intervals: i64) {
    NOW.fetch_add(intervals * INTERVAL, Ordering::SeqCst);
}

/// Waits for a snapshot of which `shown` is true; the limit only turns a hang into a failure.
async fn wait(handle: &mut EngineHandle, what: &str, shown: impl Fn(&Snapshot) -> bool) -> Arc<Snapshot> {
    let found = async {
        loop {
            handle.snapshots.changed().await.expect("the engine runs");
            let snapshot = Arc::clone(&handle.snapshots.borrow());
            if shown(&snapshot) {
                return snapshot;
            }
        }
    };
    let timed = tokio::time::timeout(Duration::from_secs(60), found).await;
    timed.unwrap_or_else(|_| panic!("{what} never came: {:?}", handle.snapshots.borrow().sources))
}

/// The GPU of the host at `address`.
fn gpu_of(snapshot: &Snapshot, address: &str) -> Option<GpuId> {
    let t = &snapshot.frame.topology;
    let tray = t.trays().iter().find(|tray| tray.host.starts_with(address))?;
    tray.gpus.range().next().map(GpuId::new)
}

fn quality(snapshot: &Snapshot, address: &str) -> Option<Quality> {
    gpu_of(snapshot, address).map(|g| snapshot.frame.quality(g))
}

fn start(addresses: &[&str]) -> EngineHandle {
    rustls::crypto::ring::default_provider().install_default().ok();
    let urls: Vec<_> = addresses.iter().map(|a| format!("http://{a}/0")).collect();
    let config = ScrapeConfig {
        interval: Duration::from_millis(INTERVAL as u64),
        limits: Limits { timeout: Duration::from_secs(5), ..Limits::default() },
        ..ScrapeConfig::load(&urls).expect("good addresses")
    };
    let site = Arc::new(Plan::open("live").build().expect("an empty site is small"));
    let core = Core::new(site, Placer::default(), 1 << 20);
    let (engine, handle) = Engine::new(core, Pace::Wall(Duration::from_millis(20)), now);
    tokio::spawn(engine.run());
    tokio::spawn(scrape::run(config, Outlet { source: 0, tx: handle.entries.clone(), clock: now }));
    handle
}

#[test]
fn an_exporter_that_dies_turns_stale_then_lost_with_the_reason_and_the_others_go_on() {
    let runtime = || tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    // The exporter that dies has a runtime of its own, to be dropped with all its sockets.
    let (doomed, main) = (runtime().expect("a runtime"), runtime().expect("a runtime"));
    let dying = doomed.block_on(Server::start(vec![Answer::page(GOOD)])).address;
    main.block_on(async {
        let living = Server::start(vec![Answer::page(GOOD)]).await.address;
        let mut handle = start(&[&dying, &living]);
        let both = [dying.as_str(), living.as_str()];
        wait(&mut handle, "the first values", |s| both.iter().all(|a| quality(s, a) == Some(Quality::Good)))
            .await;

        doomed.shutdown_background();
        let refused = |s: &Snapshot| {
            let down = |t: &hallwatch::model::entry::TargetStatus| {
                t.name.starts_with(&dying) && matches!(t.state, TargetState::Down(_))
            };
            s.sources.iter().flat_map(|v| v.targets.iter()).any(|t| down(t))
        };
        let s = wait(&mut handle, "the reason", refused).await;
        assert_eq!(quality(&s, &dying), Some(Quality::Good), "what was true a moment ago still is");

        forward(4);
        let s = wait(&mut handle, "stale", |s| {
            quality(s, &dying) == Some(Quality::Stale) && quality(s, &living) == Some(Quality::Good)
        })
        .await;
        let gpu = gpu_of(&s, &dying).expect("it is known");
        assert_eq!(s.frame.value(gpu, Metric::Temp), Some(61.0), "the last value stays, marked");
        assert_eq!(s.frame.stats(Asset::Site, Metric::Temp).map(|x| x.count), Some(1), "but counts no more");

        forward(7);
        let s = wait(&mut handle, "lost", |s| {
            quality(s, &dying) == Some(Quality::Lost) && quality(s, &living) == Some(Quality::Good)
        })
        .await;
        let gpu = gpu_of(&s, &dying).expect("it is still known");
        assert_eq!((s.frame.value(gpu, Metric::Temp), s.frame.value(gpu, Metric::Util)), (None, None));
        let counts = s.frame.counts(Asset::Site);
        assert_eq!((counts.good, counts.stale, counts.lost), (1, 0, 1));
    });
}

/// A page whose labels try everything, with one series twice.
fn nasty() -> String {
    let labels = "gpu=\"0\",UUID=\"GPU-\x1b[31mred\",modelName=\"\\n\x07GB\u{9b}300\",Hostname=\"h\x1b]0;owned\x07\",pod=\"\u{202e}pod\"";
    format!(
        "DCGM_FI_DEV_GPU_TEMP{{{labels}}} 61\nDCGM_FI_DEV_GPU_UTIL{{{labels}}} 50\nDCGM_FI_DEV_GPU_UTIL{{{labels}}} 70\nDCGM_FI_DEV_POWER_USAGE{{{labels}}} NaN\n"
    )
}

/// The text without its SGR sequences; panics at any other control character.
fn without_colours(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\x1b[") {
        out.push_str(before);
        let end = after.find(|c: char| !c.is_ascii_digit() && c != ';').expect("it ends");
        assert_eq!(&after[end..=end], "m", "only colours are set: {:?}", &after[..=end]);
        rest = &after[end + 1..];
    }
    out.push_str(rest);
    let bad = |c: char| c != '\n' && !hallwatch::model::text::is_safe(c);
    assert!(!out.contains(bad), "{:?}", out.lines().find(|l| l.contains(bad)));
    out
}

/// Exporters of every kind behind one target list, and the commands that look at them.
async fn pictures(views: &[(&'static str, &'static str)]) -> Vec<(Run, &'static str)> {
    let (head, piece) = gzip_bomb();
    // 17 MiB and more once it is unpacked.
    let bomb: Vec<u8> = head.into_iter().chain(piece.repeat(20)).collect();
    assert!(bomb.len() < 300_000, "only what it unpacks to is over the limit");
    let garbage: Vec<u8> = (0..=255).cycle().take(5000).chain(*b"\n").collect();
    let server = Server::start(vec![
        Answer::page(GOOD),
        Answer::Page(nasty()),
        Answer::with("200 OK", "", &garbage),
        Answer::with("200 OK", "content-encoding: gzip\r\n", &bomb),
        Answer::with("503 Busy", "x-note: \u{9b}2J\r\n", b"\x1b[2Jbusy\n"),
        Answer::Stall(Vec::new()),
        Answer::Raw(b"\x1b]0;owned\x07\r\n".to_vec()),
    ])
    .await;
    let home = Home::new();
    let place = |i: usize| json!({ "__metrics_path__": format!("/{i}"), "hall": "H\u{1b}[2J1", "rack": "K1", "tray": format!("T{i}\u{7}") });
    let list: Vec<_> = (0..7).map(|i| json!({ "targets": [server.address], "labels": place(i) })).collect();
    let list = home.write("targets.json", &json!(list).to_string());
    let fixed = ["snapshot", "--scrape", &list, "--timeout", "2s", "--view"];
    let runs: Vec<_> = views
        .iter()
        .map(|(view, format)| home.start(&[&fixed[..], &[view, "--format", format]].concat()))
        .collect();
    let formats: Vec<_> = views.iter().map(|(_, format)| *format).collect();
    // The commands block; the server must go on meanwhile.
    let ended = tokio::task::spawn_blocking(|| runs.into_iter().map(|r| r.end()).collect::<Vec<_>>());
    ended.await.expect("they end").into_iter().zip(formats).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_exporters_have_their_reason_in_sources_and_nothing_steers_the_terminal() {
    let views = [
        ("sources", "text"),
        ("sources", "ansi"),
        ("site", "ansi"),
        ("hall:H[2J1", "ansi"),
        ("hall:H[2J1", "svg"),
        ("gpu:H[2J1-R1-K1-T1-G1", "text"),
        ("gpu:H[2J1-R1-K1-T1-G1", "json"),
    ];
    let runs = pictures(&views).await;
    for (run, format) in &runs {
        let plain = without_colours(run.text());
        assert!(*format == "ansi" || plain == run.out, "{format} has no sequences at all");
    }
    let sources = &runs[0].0.out;
    for reason in ["not exposition text", "body over 16 MiB", "HTTP 503", "timeout after 2 s"] {
        assert!(sources.contains(reason), "{reason} is not in\n{sources}");
    }
    assert!(sources.contains("2 of 7 targets up") && sources.contains("5 DOWN"), "{sources}");
    assert!(sources.contains("repeat series"), "duplicates are told:\n{sources}");
    assert_eq!(without_colours(&runs[1].0.out).lines().count(), sources.lines().count());

    let gpu = &runs[6].0.json()["gpu"];
    assert_eq!((&gpu["quality"], &gpu["uuid"]), (&json!("good"), &json!("GPU-[31mred")), "{gpu}");
    assert_eq!(gpu["metrics"]["temp"]["value"], 61.0);
    assert!(gpu["metrics"]["power"]["value"].is_null(), "NaN is no value");
    let util = &gpu["metrics"]["util"]["value"];
    assert!(*util == 50.0 || *util == 70.0, "one of the two, not their sum: {util}");
}

#[test]
fn sources_that_say_nothing_are_an_error_with_their_reasons() {
    let home = Home::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address").to_string();
    drop(listener);
    let run = home.run(&["snapshot", "--scrape", &address]);
    assert_eq!((run.code, run.out.as_str()), (1, ""));
    assert!(run.err.contains(&format!("{address}: connection refused")), "{}", run.err);
}

/// A wrong file or argument, and what the message must say: file and line, key, and what was meant.
struct Wrong {
    name: &'static str,
    text: &'static str,
    args: &'static [&'static str],
    says: &'static [&'static str],
}

const WRONG: [Wrong; 9] = [
    Wrong {
        name: "site.toml",
        text: "[site]\nname = \"x\"\n[[gpu]]\nname = \"A\"\ntdp = 700\n",
        args: &["--topology"],
        says: &["site.toml:5", "`tdp`", "tdp_w"],
    },
    Wrong {
        name: "site.toml",
        text: "[site]\nnam = \"x\"\n",
        args: &["--topology"],
        says: &["site.toml:2", "`nam`", "`name`"],
    },
    Wrong {
        name: "targets.json",
        text: "[{\"targets\":[\"n1:9400\"],\n  \"lables\":{}}]",
        args: &["--scrape"],
        says: &["targets.json:2", "`lables`", "`labels`"],
    },
    Wrong {
        name: "targets.json",
        text: "[\n {\"targets\":[\"http://n1:9400/metrics\"]}]",
        args: &["--scrape"],
        says: &["targets.json:2", "http://n1:9400/metrics", "host:port", "__metrics_path__"],
    },
    Wrong {
        name: "targets.json",
        text: "[{\"targets\":[\"n1:1\"],\"labels\":{\n\"__metric_path__\":\"/x\"}}]",
        args: &["--scrape"],
        says: &["targets.json:2", "__metric_path__", "`__metrics_path__`"],
    },
    Wrong {
        name: "inventory.csv",
        text: "host,hall,row,rack,tray\na,H1,R1,K1\n",
        args: &["--scrape", "n1:1", "--inventory"],
        says: &["inventory.csv", "2"],
    },
    Wrong {
        name: "config.toml",
        text: "ascii = true\n[keys]\nqiut = [\"x\"]\n",
        args: &["--config"],
        says: &["config.toml:3", "`qiut`", "`quit`"],
    },
    Wrong {
        name: "config.toml",
        text: "color = \"never\"\ntheme = \"ligth\"\n",
        args: &["--config"],
        says: &["config.toml:2", "`ligth`", "`light`"],
    },
    Wrong {
        name: "config.toml",
        text: "ascii = true\n[[source]]\nkind = \"scrape\"\ntargets = [\"htp://n1:9400\"]\n",
        args: &["--config"],
        says: &["config.toml:2", "`source`", "htp://n1:9400", "`http`"],
    },
];

#[test]
fn wrong_files_stop_the_program_and_name_line_key_and_what_was_meant() {
    for wrong in &WRONG {
        let home = Home::new();
        let path = home.write(wrong.name, wrong.text);
        let args = [&["snapshot", "--ticks", "1"][..], wrong.args, &[&path]].concat();
        let args: Vec<&str> = match wrong.args.contains(&"--scrape") || wrong.text.contains("scrape") {
            true => args.into_iter().filter(|a| !["--ticks", "1"].contains(a)).collect(),
            false => args,
        };
        let run = home.run(&args);
        assert_eq!((run.code, run.out.as_str()), (1, ""), "{args:?}: {}", run.err);
        for phrase in wrong.says {
            assert!(run.err.contains(phrase), "{phrase} is missing in: {}", run.err);
        }
    }
}

#[test]
fn a_theme_of_the_user_that_is_no_theme_stops_and_a_wrong_colour_in_it_is_told() {
    let home = Home::new();
    let site = project("sites/air-cooled.toml");
    let args = ["snapshot", "--topology", &site, "--ticks", "1", "--theme", "mine"];
    home.write(".config/hallwatch/themes/mine.toml", "inherits = \"default\"\n[palette]\nred = #ff0000\n");
    let run = home.run(&args);
    assert_eq!((run.code, run.out.as_str()), (1, ""), "{}", run.err);
    assert!(run.err.contains("mine.toml:3"), "{}", run.err);
    home.write(
        ".config/hallwatch/themes/mine.toml",
        "inherits = \"default\"\n[palette]\nred = \"nocolour\"\n",
    );
    let run = home.run(&args);
    let foot = run.text().lines().last().unwrap_or_default();
    assert!(foot.contains("mine.toml:3: `red`"), "{foot}");
}
