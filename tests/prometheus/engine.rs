//! An engine on loopback that answers as it is told: well, late samples and all, or badly.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// The moment at which everything happens, s since the epoch.
pub const NOW: i64 = 1_795_316_400;

/// How it answers.
#[derive(Clone, Debug, PartialEq)]
pub enum Mood {
    Well,
    /// Another status, with this body.
    Refuses(u16, &'static str),
    /// What it sends breaks off.
    Cuts,
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
    /// Paths and expressions that it was asked.
    pub asked: Vec<String>,
}

/// See the module.
pub struct Engine {
    pub url: String,
    pub state: Arc<Mutex<State>>,
}

impl Engine {
    pub async fn start(gpus: &[(&'static str, &'static str, u16, i64)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        let url = format!("http://{}", listener.local_addr().expect("it is bound"));
        let state = State {
            mood: Mood::Well,
            gpus: gpus.to_vec(),
            buildinfo: r#"{"status":"success","data":{"version":"0.37.0","revision":"x"}}"#,
            asked: Vec::new(),
        };
        let state = Arc::new(Mutex::new(state));
        let shared = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let state = Arc::clone(&shared);
                tokio::spawn(async move { serve(socket, &state).await.ok() });
            }
        });
        Self { url, state }
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
    let answer = {
        let mut state = state.lock().expect("no test panics in it");
        let expression = expression(&String::from_utf8_lossy(&body));
        state.asked.push(format!("{path} {expression}"));
        answer(&state, &path, &expression)
    };
    socket.write_all(&answer).await
}

/// The query of a form, decoded.
fn expression(form: &str) -> String {
    let url = reqwest::Url::parse(&format!("http://x/?{form}")).expect("a form");
    url.query_pairs().find(|(k, _)| k == "query").map(|(_, v)| v.into_owned()).unwrap_or_default()
}

fn answer(state: &State, path: &str, expression: &str) -> Vec<u8> {
    let reply = |status: u16, body: &str| {
        format!("HTTP/1.1 {status} x\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
            .into_bytes()
    };
    if let Mood::Refuses(status, words) = &state.mood {
        return reply(*status, words);
    }
    match path {
        "/api/v1/status/buildinfo" => reply(200, state.buildinfo),
        "/api/v1/label/__name__/values" => reply(
            200,
            r#"{"status":"success","data":["DCGM_FI_DEV_GPU_TEMP","DCGM_FI_DEV_POWER_USAGE","up"]}"#,
        ),
        "/api/v1/query" | "/api/v1/query_range" => {
            let body = result(state, path.ends_with("range"), expression);
            let mut bytes = reply(200, &body);
            if state.mood == Mood::Cuts && !expression.starts_with("group") {
                bytes.truncate(bytes.len() - 20);
            }
            bytes
        }
        _ => reply(404, "not here"),
    }
}

fn result(state: &State, is_range: bool, expression: &str) -> String {
    let mut list = Vec::new();
    for (uuid, host, index, age) in &state.gpus {
        let mut labels = format!(r#""UUID":"{uuid}""#);
        if expression.starts_with("group") {
            let _ = write!(labels, r#","instance":"{host}","gpu":"{index}","hall":"H1","modelName":"GB300""#);
        }
        let value = match expression {
            e if e.contains("timestamp(") => (NOW - age).to_string(),
            e if e.contains("POWER") => "700.5".to_owned(),
            _ => (40 + index).to_string(),
        };
        if is_range {
            let points: Vec<_> = (0..60).map(|i| format!(r#"[{},"{value}"]"#, NOW - 3600 + 60 * i)).collect();
            list.push(format!(r#"{{"metric":{{{labels}}},"values":[{}]}}"#, points.join(",")));
        } else {
            list.push(format!(r#"{{"metric":{{{labels}}},"value":[{NOW},"{value}"]}}"#));
        }
    }
    let kind = if is_range { "matrix" } else { "vector" };
    let extra =
        if state.mood == Mood::Partial { r#","isPartial":true,"warnings":["store h2 is down"]"# } else { "" };
    format!(r#"{{"status":"success","data":{{"resultType":"{kind}","result":[{}]}}{extra}}}"#, list.join(","))
}
