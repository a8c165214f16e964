//! An engine on loopback that answers as it is told: well, late samples and all, or badly.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// The moment at which everything happens, s since the epoch.
pub const NOW: i64 = 1_795_316_400;

/// How it answers.
#[derive(Clone, Debug, PartialEq)]
pub enum Mood {
    Well,
    /// Another status, with this body.
    Refuses(u16, &'static str),
    /// The same with a `Retry-After`.
    Postpones(u16, &'static str),
    /// What it sends breaks off.
    Cuts,
    /// It does not say who there is.
    Hides,
    /// Parts are missing, and it says so.
    Partial,
}

/// What it is and knows.
#[derive(Clone, Debug)]
pub struct State {
    pub mood: Mood,
    /// UUID, host, position, age of the newest sample in s.
    pub gpus: Vec<(&'static str, &'static str, u16, i64)>,
    /// What it says of itself.
    pub buildinfo: &'static str,
    /// Most series that one query may touch.
    pub limit: usize,
    /// Expressions with this in them are never answered.
    pub hangs: Option<&'static str>,
    /// Expressions with the first in them are not answered before one with the second was asked.
    pub waits: Option<(&'static str, &'static str)>,
    /// Each GPU has an instance of its own, which a pod of its own uses and which is colder.
    pub instances: bool,
    /// Its series have no UUIDs.
    pub nameless: bool,
    /// Paths and expressions that it was asked.
    pub asked: Vec<String>,
    /// When.
    pub times: Vec<Instant>,
    /// Tells how many that are.
    heard: watch::Sender<usize>,
}

/// See the module.
pub struct Engine {
    pub url: String,
    pub state: Arc<Mutex<State>>,
    door: JoinHandle<()>,
}

fn open(listener: TcpListener, state: &Arc<Mutex<State>>) -> JoinHandle<()> {
    let shared = Arc::clone(state);
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let state = Arc::clone(&shared);
            tokio::spawn(async move { serve(socket, &state).await.ok() });
        }
    })
}

impl Engine {
    pub async fn start(gpus: &[(&'static str, &'static str, u16, i64)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        let url = format!("http://{}", listener.local_addr().expect("it is bound"));
        let state = State {
            mood: Mood::Well,
            gpus: gpus.to_vec(),
            buildinfo: r#"{"status":"success","data":{"version":"0.37.0","revision":"x"}}"#,
            limit: usize::MAX,
            hangs: None,
            waits: None,
            instances: false,
            nameless: false,
            asked: Vec::new(),
            times: Vec::new(),
            heard: watch::Sender::default(),
        };
        let state = Arc::new(Mutex::new(state));
        let door = open(listener, &state);
        Self { url, state, door }
    }

    /// It goes down: nobody listens any more.
    pub async fn stop(&mut self) {
        self.door.abort();
        // The socket is closed when the task is gone.
        let _ = (&mut self.door).await;
    }

    /// It comes up again where it was.
    pub async fn restart(&mut self) {
        let address = self.url.trim_start_matches("http://");
        let listener = TcpListener::bind(address).await.expect("its port is free again");
        self.door = open(listener, &self.state);
    }

    pub fn set(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().expect("no test panics in it"));
    }
}

async fn serve(mut socket: TcpStream, state: &Mutex<State>) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let length = head
        .lines()
        .find_map(|l| l.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    socket.read_exact(&mut body).await?;
    let path = head.split_whitespace().nth(1).unwrap_or_default().to_owned();
    let (answer, waits) = {
        let mut state = state.lock().expect("no test panics in it");
        let form = String::from_utf8_lossy(&body).into_owned();
        let expression = field(&form, "query");
        let number = |name: &str| field(&form, name).parse::<i64>().unwrap_or(0);
        let range = (number("start"), number("end"), number("step"));
        state.asked.push(format!("{path} {expression}"));
        state.times.push(Instant::now());
        state.heard.send_replace(state.asked.len());
        let hangs = state.hangs.is_some_and(|h| expression.contains(h));
        let waits = state.waits.filter(|(what, _)| expression.contains(what));
        let answer = (!hangs).then(|| answer(&state, &path, &expression, range));
        (answer, waits.map(|(_, until)| (until, state.heard.subscribe())))
    };
    if let Some((until, mut heard)) = waits {
        let asked =
            |_: &usize| state.lock().expect("no test panics in it").asked.iter().any(|a| a.contains(until));
        heard.wait_for(asked).await.expect("the engine lives");
    }
    let answer = match answer {
        Some(answer) => answer,
        None => std::future::pending().await,
    };
    socket.write_all(&answer).await
}

/// First and last moment and step of a range, s.
type Range = (i64, i64, i64);

/// A field of a form, decoded.
fn field(form: &str, name: &str) -> String {
    let url = reqwest::Url::parse(&format!("http://x/?{form}")).expect("a form");
    url.query_pairs().find(|(k, _)| k == name).map(|(_, v)| v.into_owned()).unwrap_or_default()
}

fn answer(state: &State, path: &str, expression: &str, range: Range) -> Vec<u8> {
    let mut more = String::new();
    if let Mood::Postpones(_, after) = &state.mood {
        let _ = write!(more, "retry-after: {after}\r\n");
    }
    let reply = |status: u16, body: &str| {
        format!("HTTP/1.1 {status} x\r\ncontent-type: application/json\r\n{more}content-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
            .into_bytes()
    };
    if let Mood::Postpones(status, _) = &state.mood {
        return reply(*status, "too many requests");
    }
    if let Mood::Refuses(status, words) = &state.mood {
        return reply(*status, words);
    }
    match path {
        "/api/v1/status/buildinfo" => reply(200, state.buildinfo),
        "/api/v1/label/__name__/values" => reply(
            200,
            r#"{"status":"success","data":["DCGM_FI_DEV_GPU_TEMP","DCGM_FI_DEV_POWER_USAGE","up"]}"#,
        ),
        "/api/v1/query" if state.mood == Mood::Hides && is_who(expression) => reply(503, "too busy"),
        "/api/v1/query" | "/api/v1/query_range" if touched(state, expression).count() > state.limit => {
            reply(422, TOO_MUCH)
        }
        "/api/v1/query" | "/api/v1/query_range" => {
            let body = result(state, path.ends_with("range").then_some(range), expression);
            let mut bytes = reply(200, &body);
            if state.mood == Mood::Cuts && !is_who(expression) {
                bytes.truncate(bytes.len() - 20);
            }
            bytes
        }
        _ => reply(404, "not here"),
    }
}

/// What an engine says whose limit of samples is reached.
const TOO_MUCH: &str = r#"{"status":"error","errorType":"execution","error":"query processing would load too many samples into memory in query execution"}"#;

type Gpu = (&'static str, &'static str, u16, i64);

/// The GPUs whose series match: by the last character of their UUID, or their hall.
fn touched<'a>(state: &'a State, expression: &str) -> impl Iterator<Item = &'a Gpu> {
    let behind = |start: &str| expression.split_once(start).map(|(_, rest)| rest.to_owned());
    let class = |rest: String| rest.split(']').next().unwrap_or_default().to_owned();
    let (only, never) = (behind("UUID=~\".*[").map(class), behind("UUID!~\".*[").map(class));
    let hall = behind("hall=\"").and_then(|rest| rest.split('"').next().map(str::to_owned));
    let last = |uuid: &str| uuid.chars().last().unwrap_or(' ');
    state.gpus.iter().filter(move |(uuid, host, ..)| {
        only.as_ref().is_none_or(|c| c.contains(last(uuid)))
            && never.as_ref().is_none_or(|c| !c.contains(last(uuid)))
            && hall.as_ref().is_none_or(|h| *h == hall_of(host))
    })
}

/// True for the query that asks who there is.
fn is_who(expression: &str) -> bool {
    expression.starts_with("max by (UUID,uuid,")
}

/// The power at a moment of the past, W.
pub fn then(second: i64) -> i64 {
    600 + second.div_euclid(15) % 7
}

/// Host `n2:9400` stands in hall `H2`.
fn hall_of(host: &str) -> String {
    format!("H{}", &host[1..2])
}

fn result(state: &State, range: Option<Range>, expression: &str) -> String {
    let mut list = Vec::new();
    for (uuid, host, index, age) in touched(state, expression) {
        let mut labels = Vec::new();
        if !state.nameless {
            labels.push(format!(r#""UUID":"{uuid}""#));
        }
        if is_who(expression) || expression.contains("by (instance") {
            labels.push(format!(r#""instance":"{host}","gpu":"{index}""#));
        }
        if is_who(expression) {
            labels.push(format!(r#""hall":"{}","modelName":"GB300""#, hall_of(host)));
        }
        let labels = labels.join(",");
        let value = match expression {
            e if e.contains("timestamp(") => (NOW - age).to_string(),
            e if e.contains("POWER") => "700.5".to_owned(),
            _ => (40 + index).to_string(),
        };
        if let Some((from, to, step)) = range {
            let times = (0..).map(|i| from + i * step.max(1)).take_while(|t| *t <= to);
            // The power of then: it changes every 15 s.
            let at = |t: i64| match expression.contains("POWER") {
                true => then(t).to_string(),
                false => value.clone(),
            };
            let points: Vec<_> = times.map(|t| format!(r#"[{t},"{}"]"#, at(t))).collect();
            list.push(format!(r#"{{"metric":{{{labels}}},"values":[{}]}}"#, points.join(",")));
        } else {
            list.push(format!(r#"{{"metric":{{{labels}}},"value":[{NOW},"{value}"]}}"#));
            if state.instances && is_who(expression) {
                list.push(format!(r#"{{"metric":{{{labels},"pod":"p"}},"value":[{NOW},"20"]}}"#));
            }
        }
    }
    let kind = if range.is_some() { "matrix" } else { "vector" };
    let extra =
        if state.mood == Mood::Partial { r#","isPartial":true,"warnings":["store h2 is down"]"# } else { "" };
    format!(r#"{{"status":"success","data":{{"resultType":"{kind}","result":[{}]}}{extra}}}"#, list.join(","))
}
