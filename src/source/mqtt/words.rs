//! Why a broker was lost, in words for the operator, and whether the other version of the protocol may
//! be the cure.

use std::io::{Error as IoError, ErrorKind};

use rumqttc::v5::{ConnectionError as FiveError, StateError as FiveState, mqttbytes as five};
use rumqttc::{ConnectionError as ThreeError, StateError as ThreeState, TlsError};

use super::link::{CONNECT_S, MAX_PACKET};
use crate::source::http::tls;

type Words = (String, bool);

const LOGIN: &str = "the broker refuses user or password";
const CLOSED: &str = "the broker closed the connection";
const NO_BROKER: &str = "what answers there is no MQTT broker";
const MUTE: &str = "the broker does not answer any more";

/// For MQTT 5.
pub fn five(error: &FiveError) -> Words {
    use five::v5::ConnectReturnCode as Code;
    match error {
        FiveError::Io(e) => io(e),
        FiveError::Tls(e) => (encryption(e), false),
        FiveError::Timeout(_) => (format!("no answer within {CONNECT_S} s"), false),
        FiveError::ConnectionRefused(Code::BadUserNamePassword | Code::NotAuthorized) => said(LOGIN, false),
        FiveError::ConnectionRefused(Code::UnsupportedProtocolVersion) => {
            said("the broker does not take MQTT 5", true)
        }
        FiveError::ConnectionRefused(code) => (format!("the broker refuses: {code:?}"), false),
        FiveError::NotConnAck(_) => said(NO_BROKER, true),
        FiveError::MqttState(state) => match state {
            // A broker of one version alone may answer what the other cannot read, or just hang up.
            FiveState::ConnectionAborted => said(CLOSED, true),
            FiveState::Io(e) | FiveState::Deserialization(five::Error::Io(e)) => io(e),
            FiveState::AwaitPingResp => said(MUTE, false),
            FiveState::IncomingPacketTooLarge { .. }
            | FiveState::Deserialization(five::Error::PayloadSizeLimitExceeded { .. }) => large(),
            FiveState::ServerDisconnect { reason_code, .. } => {
                (format!("the broker ended the connection: {reason_code:?}"), false)
            }
            FiveState::Deserialization(e) => (format!("what the broker sends is no MQTT 5: {e}"), true),
            other => (other.to_string(), true),
        },
        other => (other.to_string(), true),
    }
}

/// For MQTT 3.1.1.
pub fn three(error: &ThreeError) -> Words {
    use rumqttc::ConnectReturnCode as Code;
    use rumqttc::mqttbytes::Error;
    match error {
        ThreeError::Io(e) => io(e),
        ThreeError::Tls(e) => (encryption(e), false),
        ThreeError::NetworkTimeout | ThreeError::FlushTimeout => {
            (format!("no answer within {CONNECT_S} s"), false)
        }
        ThreeError::ConnectionRefused(Code::BadUserNamePassword | Code::NotAuthorized) => said(LOGIN, false),
        ThreeError::ConnectionRefused(Code::RefusedProtocolVersion) => {
            said("the broker does not take MQTT 3.1.1", true)
        }
        ThreeError::ConnectionRefused(code) => (format!("the broker refuses: {code:?}"), false),
        ThreeError::NotConnAck(_) => said(NO_BROKER, true),
        ThreeError::MqttState(state) => match state {
            ThreeState::ConnectionAborted => said(CLOSED, true),
            ThreeState::Io(e) | ThreeState::Deserialization(Error::Io(e)) => io(e),
            ThreeState::AwaitPingResp => said(MUTE, false),
            ThreeState::Deserialization(Error::PayloadSizeLimitExceeded(_)) => large(),
            ThreeState::Deserialization(e) => (format!("what the broker sends is no MQTT 3.1.1: {e}"), true),
            other => (other.to_string(), true),
        },
        other => (other.to_string(), true),
    }
}

fn said(words: &str, of_version: bool) -> Words {
    (words.to_owned(), of_version)
}

fn large() -> Words {
    (format!("the broker sends a packet above {} KiB", MAX_PACKET >> 10), false)
}

fn io(error: &IoError) -> Words {
    match error.kind() {
        ErrorKind::ConnectionRefused => said("connection refused", false),
        ErrorKind::TimedOut => (format!("no answer within {CONNECT_S} s"), false),
        ErrorKind::ConnectionAborted
        | ErrorKind::ConnectionReset
        | ErrorKind::BrokenPipe
        | ErrorKind::UnexpectedEof => said(CLOSED, true),
        _ => (error.to_string(), false),
    }
}

/// Why no encrypted connection was made.
fn encryption(error: &TlsError) -> String {
    let TlsError::Io(e) = error else { return format!("TLS: {error}") };
    match e.get_ref().and_then(|e| e.downcast_ref::<rustls::Error>()) {
        Some(e) => format!("TLS: {}", tls::reason(e)),
        None => format!("TLS: {} during the handshake: does it speak TLS at this port?", io(e).0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hang_up_is_told_alike_wherever_the_library_noticed_it() {
        let reset = || IoError::from(ErrorKind::ConnectionReset);
        let closed = said(CLOSED, true);
        assert_eq!(five(&FiveError::Io(reset())), closed);
        assert_eq!(five(&FiveError::MqttState(FiveState::ConnectionAborted)), closed);
        assert_eq!(five(&FiveError::MqttState(FiveState::Deserialization(five::Error::Io(reset())))), closed);
        assert_eq!(three(&ThreeError::Io(reset())), closed);
        assert_eq!(three(&ThreeError::MqttState(ThreeState::ConnectionAborted)), closed);
        assert_eq!(three(&ThreeError::MqttState(ThreeState::Io(reset()))), closed);
    }

    #[test]
    fn a_packet_that_is_too_large_is_told_with_the_bound() {
        let words = "the broker sends a packet above 256 KiB";
        let error = five::Error::PayloadSizeLimitExceeded { pkt_size: 1 << 20, max: 1 << 18 };
        assert_eq!(five(&FiveError::MqttState(FiveState::Deserialization(error))).0, words);
        let error = rumqttc::mqttbytes::Error::PayloadSizeLimitExceeded(1 << 20);
        assert_eq!(three(&ThreeError::MqttState(ThreeState::Deserialization(error))).0, words);
    }
}
