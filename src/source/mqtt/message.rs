//! Topics and payloads of the facility bus, as NVIDIA DSX Exchange (BMS event bus 1.0.0) defines them:
//! `BMS/v1/{publisher}/{Value|Metadata}/{objectType}/{pointType}/{tagPath}` with JSON payloads.
//! Nothing that comes in is trusted: sizes and counts are bounded, text is cleaned.

use serde::Deserialize;

use crate::model::text;

/// Longest topic that is read, bytes.
pub const MAX_TOPIC: usize = 512;
/// Largest payload that is read, bytes; metadata of a busway with a hundred taps takes 4 KiB.
pub const MAX_PAYLOAD: usize = 64 << 10;
/// Most objects, areas and states that metadata may list.
const MAX_LIST: usize = 256;

/// What a topic carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Values.
    Value,
    /// What the values mean.
    Metadata,
}

/// A topic, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Topic<'a> {
    /// Value or metadata.
    pub class: Class,
    /// What the object is: `Rack`.
    pub object_type: &'a str,
    /// What the point is: `RackPower`.
    pub point_type: &'a str,
    /// The path of the tag, of one or more parts.
    pub tag: &'a str,
    /// The three together: the same for values and metadata of a point.
    pub key: &'a str,
}

impl<'a> Topic<'a> {
    /// Reads a topic; `None` for one of another form.
    #[must_use]
    pub fn parse(topic: &'a str) -> Option<Self> {
        if topic.len() > MAX_TOPIC || !topic.chars().all(text::is_safe) {
            return None;
        }
        let mut parts = topic.splitn(5, '/');
        let (_bus, _version, _publisher) = (parts.next()?, parts.next()?, parts.next()?);
        let class = match parts.next()? {
            "Value" => Class::Value,
            "Metadata" => Class::Metadata,
            _ => return None,
        };
        let key = parts.next()?;
        let mut parts = key.splitn(3, '/');
        let (object_type, point_type, tag) = (parts.next()?, parts.next()?, parts.next()?);
        let whole = key.split('/').all(|part| !part.is_empty());
        whole.then_some(Self { class, object_type, point_type, tag, key })
    }
}

/// A value as it was sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Value {
    /// In the unit of the metadata.
    pub value: f64,
    /// The sender's time, ms since the epoch; `None` where it was not sent.
    pub time: Option<i64>,
    /// The sender's word on it; `None` where it was not sent.
    pub good: Option<bool>,
}

#[derive(Deserialize)]
struct RawValue {
    value: Scalar,
    timestamp: Option<Scalar>,
    quality: Option<Scalar>,
}

/// Numbers are also sent as text and as truth values.
#[derive(Deserialize)]
#[serde(untagged)]
enum Scalar {
    Bool(bool),
    Number(f64),
    Text(String),
}

impl Scalar {
    fn number(&self) -> Option<f64> {
        let number = match self {
            Self::Bool(b) => f64::from(u8::from(*b)),
            Self::Number(n) => *n,
            Self::Text(t) => t.trim().parse().ok()?,
        };
        number.is_finite().then_some(number)
    }
}

/// Reads the payload of a value; `None` when it is not one.
#[must_use]
pub fn value(payload: &[u8]) -> Option<Value> {
    if payload.len() > MAX_PAYLOAD {
        return None;
    }
    let raw: RawValue = serde_json::from_slice(payload).ok()?;
    let value = raw.value.number().filter(|v| v.abs() <= f64::from(f32::MAX))?;
    // Years 1970 to 2286: anything else is no time in milliseconds.
    let time = raw.timestamp.and_then(|t| t.number()).filter(|t| (0.0..1e13).contains(t));
    let good = raw.quality.and_then(|q| q.number()).map(|q| q == 1.0);
    Some(Value { value, time: time.map(|t| t as i64), good })
}

/// What is said of a point. Text is clean.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Meta {
    /// Name of the object.
    pub object_name: String,
    /// Identity of the object.
    pub object_id: String,
    /// Identity of the rack's location.
    pub rack: String,
    /// Unit; empty for states and ratios.
    pub unit: String,
    /// Phase of a three-phase system.
    pub phase: String,
    /// Where in the object: `Secondary`, `Supply`.
    pub area: Vec<String>,
    /// It is a target, not a measurement.
    pub is_setpoint: bool,
    /// The object that this one is a part of.
    pub associate: String,
    /// The objects that this one serves.
    pub serves: Vec<String>,
    /// Words for states.
    pub states: Vec<(i64, String)>,
    /// What publishes a heartbeat of a part of the bus.
    pub scope: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct RawMeta {
    object_name: Option<String>,
    object_id: Option<String>,
    rack_location_id: Option<String>,
    rack_location_name: Option<String>,
    eng_unit: Option<String>,
    phase: Option<String>,
    process_area: Option<OneOrMany>,
    is_setpoint: Option<bool>,
    associate_id: Option<OneOrMany>,
    serves_id: Option<OneOrMany>,
    state_text: Option<Vec<RawState>>,
    scope: Option<OneOrMany>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

#[derive(Deserialize)]
struct RawState {
    value: f64,
    text: String,
}

fn list(raw: Option<OneOrMany>) -> Vec<String> {
    match raw {
        None => Vec::new(),
        Some(OneOrMany::One(one)) => vec![text::clean(&one)],
        Some(OneOrMany::Many(many)) => many.iter().take(MAX_LIST).map(|t| text::clean(t)).collect(),
    }
}

/// Reads the payload of metadata; `None` when it is none.
#[must_use]
pub fn meta(payload: &[u8]) -> Option<Meta> {
    if payload.len() > MAX_PAYLOAD {
        return None;
    }
    let raw: RawMeta = serde_json::from_slice(payload).ok()?;
    let word = |t: Option<String>| t.map(|t| text::clean(&t)).unwrap_or_default();
    let states = raw.state_text.unwrap_or_default();
    Some(Meta {
        object_name: word(raw.object_name),
        object_id: word(raw.object_id),
        rack: word(raw.rack_location_id.or(raw.rack_location_name)),
        unit: word(raw.eng_unit),
        phase: word(raw.phase),
        area: list(raw.process_area),
        is_setpoint: raw.is_setpoint.unwrap_or(false),
        associate: list(raw.associate_id).into_iter().next().unwrap_or_default(),
        serves: list(raw.serves_id),
        states: states.iter().take(MAX_LIST).map(|s| (s.value as i64, text::clean(&s.text))).collect(),
        scope: list(raw.scope).join(" "),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_topic_is_taken_apart() {
        let t = Topic::parse("BMS/v1/PUB/Value/Rack/RackPower/nvidia/titan/rack03/power").expect("valid");
        assert_eq!((t.class, t.object_type, t.point_type), (Class::Value, "Rack", "RackPower"));
        assert_eq!(t.tag, "nvidia/titan/rack03/power");
        let m = Topic::parse("BMS/v1/PUB/Metadata/Rack/RackPower/nvidia/titan/rack03/power").expect("valid");
        assert_eq!((m.class, m.key), (Class::Metadata, t.key));
        let request = Topic::parse("BMS/v1/MEPAI/Value/CDU/LiquidTemperatureSpRequest/a").expect("valid");
        assert_eq!(request.tag, "a");
    }

    #[test]
    fn topics_of_another_form_are_refused() {
        let long = format!("BMS/v1/PUB/Value/Rack/RackPower/{}", "a".repeat(MAX_TOPIC));
        for topic in [
            "",
            "BMS/v1/PUB/Value/Rack/RackPower",
            "BMS/v1/PUB/Event/Rack/RackPower/a",
            "BMS/v1/PUB/Value/Rack//a",
            "BMS/v1/PUB/Value/Rack/RackPower/a/",
            "BMS/v1/PUB/Value/Rack/RackPower/a\u{1b}[2J",
            &long,
        ] {
            assert_eq!(Topic::parse(topic), None, "{topic}");
        }
    }

    #[test]
    fn values_come_as_numbers_text_and_truth() {
        let of = |json: &str| value(json.as_bytes());
        let full = Value { value: 32.5, time: Some(1_700_000_000_000), good: Some(true) };
        assert_eq!(of(r#"{"value":32.5,"timestamp":1700000000000,"quality":1}"#), Some(full));
        let text = r#"{"value":"32.5","timestamp":"1700000000000","quality":"1","more":[1]}"#;
        assert_eq!(of(text), Some(full));
        let bare = Value { value: 1.0, time: None, good: None };
        assert_eq!(of(r#"{"value":true}"#), Some(bare));
        assert_eq!(of(r#"{"value":0,"quality":0}"#).and_then(|v| v.good), Some(false));
    }

    #[test]
    fn hostile_payloads_are_no_values() {
        let deep = format!("{{\"value\":{}1{}}}", "[".repeat(10_000), "]".repeat(10_000));
        let large = format!("{{\"value\":1,\"x\":\"{}\"}}", "a".repeat(MAX_PAYLOAD));
        for payload in [
            "",
            "32.5",
            "{",
            "[]",
            r#"{"value":null}"#,
            r#"{"value":1e400}"#,
            r#"{"value":"NaN"}"#,
            &deep,
            &large,
        ] {
            assert_eq!(value(payload.as_bytes()), None, "{:.40}", payload);
        }
        assert_eq!(value(br#"{"value":1,"timestamp":-5}"#).and_then(|v| v.time), None);
    }

    #[test]
    fn metadata_is_read_clean_and_bounded() {
        let m = meta(br#"{"objectName":"C\u001b[2J-1","objectId":"C-1","engUnit":"kW","processArea":["Secondary","Supply"],"isSetpoint":true,"servesId":"R1","stateText":[{"value":0,"text":"Off"}]}"#)
            .expect("valid");
        assert_eq!((m.object_name.as_str(), m.unit.as_str(), m.is_setpoint), ("C[2J-1", "kW", true));
        assert_eq!((m.serves, m.states), (vec!["R1".to_owned()], vec![(0, "Off".to_owned())]));
        let many = format!("{{\"servesId\":[{}\"x\"]}}", "\"x\",".repeat(5000));
        assert_eq!(meta(many.as_bytes()).map(|m| m.serves.len()), Some(MAX_LIST));
        assert_eq!(meta(b"not json"), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(topic in ".{0,80}", payload in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = (Topic::parse(&topic), value(&payload), meta(&payload));
        }
    }
}
