//! What the directory must hold to.

use super::super::answer::{Bounds, Reader};
use super::*;

/// Reads a vector of label sets.
fn each(labels: &[&str], mut sink: impl FnMut(&Series<'_>)) {
    let series = |l: &&str| format!("{{\"metric\":{{{l}}},\"value\":[1,\"1\"]}}");
    let list: Vec<String> = labels.iter().map(series).collect();
    let body = format!("{{\"status\":\"success\",\"data\":{{\"result\":[{}]}}}}", list.join(","));
    let mut reader = Reader::new(Bounds::default());
    reader.feed(body.as_bytes(), &mut sink).expect("an answer");
    reader.finish(&mut sink).expect("whole");
}

fn round(directory: &mut Directory, labels: &[&str]) -> (Table, Option<Arc<Roster>>) {
    loop {
        directory.begin();
        each(labels, |s| directory.learn(s, false));
        if !directory.is_torn() {
            return directory.end();
        }
    }
}

fn find(table: &Table, labels: &str) -> Option<u32> {
    let (mut found, mut scratch) = (None, Scratch::default());
    each(&[labels], |s| found = table.find(s, &mut scratch));
    found
}

const A: &str = r#""UUID":"GPU-a","gpu":"0","instance":"n1:9400","Hostname":"node1","hall":"H1","modelName":"GB300","exported_pod":"train-0","pod":"dcgm-x""#;
const B: &str = r#""UUID":"GPU-b","gpu":"1","instance":"n1:9400","Hostname":"node1","hall":"H1","pod":"dcgm-x","exported_namespace":"a""#;

#[test]
fn gpus_are_known_by_their_uuid_and_their_hosts_by_who_was_asked() {
    let mut directory = Directory::default();
    let (table, roster) = round(&mut directory, &[A, B]);
    let members = roster.expect("it is new").members.clone();
    assert_eq!((table.by.as_slice(), table.len()), (&["UUID".to_owned()][..], 2));
    assert_eq!(find(&table, r#""UUID":"GPU-b""#), Some(1));
    assert_eq!(find(&table, r#""UUID":"GPU-c""#), None);
    assert_eq!((members[0].host.host.as_str(), members[1].index), ("n1:9400", 1));
    assert_eq!(members[0].host.label("hostname"), Some("node1"));
    assert_eq!(members[0].host.label("hall"), Some("H1"));
    assert!(Arc::ptr_eq(&members[0].host, &members[1].host), "one host, told once");
    let facts = &members[0].facts;
    assert_eq!((&*facts.job, &*facts.model), ("train-0", "GB300"));
    assert_eq!((&*members[1].facts.job, &*members[1].facts.tenant), ("", "a"));
}

#[test]
fn a_member_keeps_its_position_and_changes_are_told() {
    let mut directory = Directory::default();
    round(&mut directory, &[A, B]);
    let (_, same) = round(&mut directory, &[B, A]);
    assert!(same.is_none(), "nothing has changed");
    let other = A.replace("train-0", "train-1").replace("GPU-a", "GPU-z");
    let (table, roster) = round(&mut directory, &[&other, B]);
    let members = roster.expect("a GPU was replaced").members.clone();
    assert_eq!((members.len(), members[0].facts.uuid.as_str()), (2, "GPU-z"));
    assert_eq!((find(&table, r#""UUID":"GPU-z""#), find(&table, r#""UUID":"GPU-a""#)), (Some(0), None));
    let (_, roster) = round(&mut directory, &[B]);
    assert!(roster.is_none() && directory.len() == 2, "who is silent stays a member");
}

#[test]
fn without_uuids_host_and_position_tell_gpus_apart() {
    let mut directory = Directory::default();
    let labels =
        [r#""gpu":"0","instance":"n1""#, r#""gpu":"1","instance":"n1""#, r#""gpu":"0","instance":"n2""#];
    let (table, _) = round(&mut directory, &labels);
    assert_eq!(table.by, ["instance", "gpu"]);
    assert_eq!(labels.map(|l| find(&table, l)), [Some(0), Some(1), Some(2)]);
    let (table, _) = round(&mut Directory::default(), &[r#""Hostname":"n\u00e51","gpu":"3""#]);
    assert_eq!(find(&table, r#""Hostname":"nå1","gpu":"3""#), Some(0), "escapes make no difference");
}

#[test]
fn one_uuid_in_two_spellings_keeps_both_labels() {
    let bare = "3c6ef372-1de3-63bd-6c32-47d381df2495";
    let smi = format!(r#""uuid":"{bare}","instance":"n2:9835""#);
    let mut directory = Directory::default();
    let (table, roster) = round(&mut directory, &[A, &smi]);
    assert_eq!(table.by, ["UUID", "uuid"]);
    assert_eq!(find(&table, &format!(r#""uuid":"{bare}""#)), Some(1));
    assert_eq!(find(&table, r#""UUID":"GPU-a""#), Some(0));
    let members = roster.expect("new").members.clone();
    assert_eq!((members[1].facts.uuid.as_str(), members[1].index), (&*format!("GPU-{bare}"), 0));
}

#[test]
fn what_cannot_be_a_gpu_is_left_out_and_counted() {
    let mut directory = Directory::default();
    let clash = A.replace("GPU-a", "GPU-q");
    let far = r#""UUID":"GPU-x","gpu":"0""#;
    round(&mut directory, &[A, r#""instance":"n1""#, far, &clash]);
    assert_eq!((directory.left_out, directory.clashes, directory.len()), (3, 1, 1));
}

#[test]
fn hosts_that_share_an_instance_are_known_by_what_they_call_themselves() {
    let other = A.replace("GPU-a", "GPU-o").replace("node1", "node2");
    let mut directory = Directory::default();
    directory.begin();
    each(&[A, B, &other], |s| directory.learn(s, false));
    assert!(directory.is_torn());
    let (table, roster) = round(&mut directory, &[A, B, &other]);
    assert!(!directory.is_torn() && directory.clashes == 0);
    let roster = roster.expect("it is new");
    let hosts: Vec<_> = roster.members.iter().map(|m| m.host.host.as_str()).collect();
    assert_eq!((hosts, table.len()), (vec!["node1", "node1", "node2"], 3));
    let renamed = [A.replace("node1", "pod-2"), B.replace("node1", "pod-2")];
    let mut directory = Directory::default();
    round(&mut directory, &[A, B]);
    round(&mut directory, &[&renamed[0], &renamed[1]]);
    assert!(!directory.is_torn() && directory.len() == 2, "a restarted exporter is the same host");
}

#[test]
fn a_gpu_that_is_seen_twice_keeps_the_holder_that_is_named() {
    let mut directory = Directory::default();
    let idle = A.replace(r#","exported_pod":"train-0""#, "");
    let (_, roster) = round(&mut directory, &[&idle, A]);
    let roster = roster.expect("new");
    assert_eq!(&*roster.members[0].facts.job, "train-0");
}

#[test]
fn labels_of_placing_rules_are_asked_for_when_they_can_be() {
    let all = labels(&["zone".into(), "host".into(), "hall".into(), "a b".into(), "x}".into()]);
    assert_eq!(all.last().map(String::as_str), Some("zone"));
    assert_eq!(all.iter().filter(|l| *l == "hall").count(), 1);
}

#[test]
fn an_answer_in_any_order_finds_the_same_members() {
    let all: Vec<String> =
        (0..40).map(|i| format!(r#""UUID":"GPU-{i}","instance":"n{i}","gpu":"0""#)).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    let (table, _) = round(&mut Directory::default(), &all);
    let orders: [Vec<u32>; 5] = [
        (0..40).collect(),
        (0..40).rev().collect(),
        // Gaps, one twice, one unknown in between, and the last one first.
        vec![3, 4, 9, 10, 10, 11, 77, 12, 13],
        vec![39, 0, 1, 2],
        (0..40).map(|i| i * 7 % 40).collect(),
    ];
    for order in orders {
        let labels: Vec<String> = order.iter().map(|i| format!(r#""UUID":"GPU-{i}""#)).collect();
        let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
        let (mut found, mut scratch) = (Vec::new(), Scratch::default());
        each(&labels, |s| found.push(table.find(s, &mut scratch)));
        let expected: Vec<_> = order.iter().map(|i| (*i < 40).then_some(*i)).collect();
        assert_eq!(found, expected);
    }
}
