//! Answers of real engines, whole, in pieces and broken.

use super::*;
use proptest::prelude::*;

type Got = Vec<(Vec<(String, String)>, Vec<(f64, f64)>)>;

/// Reads `body` in pieces of `size` bytes.
fn read_in(body: &[u8], size: usize, bounds: Bounds) -> Result<(Got, Summary), AnswerError> {
    let mut reader = Reader::new(bounds);
    let mut got = Got::new();
    let mut sink = |s: &Series<'_>| {
        let labels = s.labels().map(|(n, v)| (String::from_utf8_lossy(n).into_owned(), v.text(s.text())));
        got.push((labels.collect(), s.points.to_vec()));
    };
    for piece in body.chunks(size.max(1)) {
        reader.feed(piece, &mut sink)?;
    }
    let summary = reader.finish(&mut sink)?;
    Ok((got, summary))
}

fn read(body: &str) -> Result<(Got, Summary), AnswerError> {
    read_in(body.as_bytes(), 7, Bounds::default())
}

fn sample(name: &str) -> Option<Vec<u8>> {
    let path = format!("{}/../shared/data/api/{name}", env!("CARGO_MANIFEST_DIR"));
    let found = std::fs::read(&path).ok();
    if found.is_none() {
        println!("skipped: no {path}");
    }
    found
}

#[test]
fn vectors_and_matrices_of_real_engines_read_as_another_reader_reads_them() {
    for name in [
        "prom_query_instant_16series.body",
        "prom_query_maxby_16series.body",
        "prom_query_timestamp_16series.body",
        "prom_query_rawrange_16series.body",
        "prom_range_2series.body",
        "prom_empty_vector.body",
        "prom_query_stats.body",
        "vm_query_instant_16series.body",
        "vm_query_61s_later.body",
    ] {
        let Some(body) = sample(name) else { return };
        let json: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
        let list = json["data"]["result"].as_array().expect("a list");
        for size in [1, 13, 100_000] {
            let (got, summary) = read_in(&body, size, Bounds::default()).expect(name);
            assert_eq!((got.len(), summary.bad, summary.bytes), (list.len(), 0, body.len()), "{name}");
            for ((labels, points), want) in got.iter().zip(list) {
                let wanted = want["metric"].as_object().expect("labels");
                assert_eq!(labels.len(), wanted.len(), "{name}");
                assert!(labels.iter().all(|(n, v)| wanted[n] == *v), "{name} {labels:?}");
                let one = std::slice::from_ref(&want["value"]);
                let wanted = want["values"].as_array().map_or(one, Vec::as_slice);
                let of = |p: &serde_json::Value| Some((p[0].as_f64()?, p[1].as_str()?.parse::<f64>().ok()?));
                assert_eq!(*points, wanted.iter().filter_map(of).collect::<Vec<_>>(), "{name}");
            }
        }
    }
}

#[test]
fn errors_of_real_engines_are_told_in_their_words() {
    for (name, words) in [
        ("prom_err_bad_query.body", "unexpected end of input inside braces"),
        ("prom_err_max_samples.body", "too many samples"),
        ("vm_err_bad_query.body", "unexpected token"),
    ] {
        let Some(body) = sample(name) else { return };
        match read_in(&body, 9, Bounds::default()) {
            Err(AnswerError::Engine(said)) => assert!(said.contains(words), "{said}"),
            other => panic!("{name}: {other:?}"),
        }
    }
}

#[test]
fn warnings_and_missing_parts_are_kept() {
    let body = r#"{"status":"success","isPartial":true,"warnings":["store h3 \u001b[2Jdown","x"],"infos":["y","x"],"data":{"result":[],"resultType":"vector"}}"#;
    let (_, summary) = read(body).expect("an answer");
    assert_eq!(summary.warnings, ["store h3 [2Jdown", "x", "y"]);
    assert!(summary.partial);
    if let Some(body) = sample("vm_err_timeout.body") {
        // The engine began with a success and broke off.
        let outcome = read_in(&body, 50, Bounds::default());
        assert!(matches!(outcome, Ok(_) | Err(AnswerError::Cut | AnswerError::Foreign)), "{outcome:?}");
    }
}

#[test]
fn numbers_that_are_none_are_read_as_engines_write_them() {
    let body = r#"{"status":"success","data":{"resultType":"vector","result":[
        {"metric":{"a":"1"},"value":[1.5,"NaN"]},{"metric":{},"value":[2,"+Inf"]},{"metric":{},"value":[2,"-Inf"]},
        {"metric":{},"histogram":[1,{"count":"2","buckets":[[0,"1","2","3"]]}]}]}}"#;
    let (got, _) = read(body).expect("an answer");
    assert!(got[0].1[0].1.is_nan());
    assert_eq!((got[1].1[0].1, got[2].1[0].1), (f64::INFINITY, f64::NEG_INFINITY));
    assert!(got[3].1.is_empty(), "a histogram is no value");
}

#[test]
fn a_series_that_makes_no_sense_loses_only_itself() {
    let body = r#"{"status":"success","data":{"resultType":"vector","result":[
        {"metric":{"a":1},"value":[1,"2"]},{"metric":{"a":"b"},"value":[1,"x"]},7,null,
        {"metric":{"a":"c"},"value":[1,"3"]}]}}"#;
    let (got, summary) = read(body).expect("an answer");
    assert_eq!((got.len(), summary.series, summary.bad), (1, 1, 4));
}

#[test]
fn other_documents_are_refused() {
    for (body, want) in [
        ("<html>no</html>", AnswerError::Foreign),
        ("", AnswerError::Foreign),
        ("[]", AnswerError::Foreign),
        (r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{}"#, AnswerError::Cut),
        (
            r#"{"status":"success","data":{"resultType":"scalar","result":[1,"2"]}}"#,
            AnswerError::Kind("scalar".into()),
        ),
        (r#"{"status":"success"} x"#, AnswerError::Foreign),
    ] {
        assert_eq!(read(body).err(), Some(want), "{body}");
    }
}

#[test]
fn every_bound_holds() {
    let series = r#"{"metric":{"a":"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"},"value":[1,"2"]},"#;
    let body = format!(r#"{{"status":"success","data":{{"result":[{}"#, series.repeat(100));
    let read = |bounds| read_in(body.as_bytes(), 64, bounds).err();
    assert_eq!(read(Bounds { body: 1000, ..Bounds::default() }), Some(AnswerError::Body(1000)));
    assert_eq!(read(Bounds { series: 50, ..Bounds::default() }), Some(AnswerError::Series(50)));
    assert_eq!(read(Bounds { piece: 40, ..Bounds::default() }), Some(AnswerError::Piece(40)));
    let endless = format!("{{\"status\":\"{}", "x".repeat(10_000));
    let bounds = Bounds { piece: 4096, ..Bounds::default() };
    assert_eq!(read_in(endless.as_bytes(), 1, bounds).err(), Some(AnswerError::Piece(4096)));
}

#[test]
fn the_buffer_holds_no_more_than_a_piece() {
    let series = r#"{"metric":{"UUID":"GPU-1"},"value":[1,"2"]},"#;
    let mut reader = Reader::new(Bounds::default());
    reader.feed(br#"{"status":"success","data":{"result":["#, &mut |_| {}).expect("a beginning");
    for _ in 0..10_000 {
        reader.feed(series.as_bytes(), &mut |_| {}).expect("series");
    }
    assert!(reader.buffer.capacity() < 4096, "{}", reader.buffer.capacity());
    assert_eq!(reader.summary.series, 10_000);
}

proptest! {
    #[test]
    fn any_answer_reads_alike_in_pieces(
        labels in prop::collection::vec(("[a-z]{1,6}", any::<String>()), 0..4),
        values in prop::collection::vec((0..2_000_000_000_u32, any::<f64>()), 0..5),
        size in 1..80_usize,
    ) {
        let metric: serde_json::Map<_, _> = labels.iter().map(|(n, v)| (n.clone(), v.clone().into())).collect();
        let values: Vec<_> = values.iter().map(|(t, v)| serde_json::json!([t, v.to_string()])).collect();
        let body = serde_json::json!({"status": "success", "data": {"resultType": "matrix",
            "result": [{"metric": metric, "values": values}, {"metric": metric, "values": values}]}});
        let body = body.to_string();
        let (whole, _) = read_in(body.as_bytes(), body.len(), Bounds::default()).expect("whole");
        let (pieces, _) = read_in(body.as_bytes(), size, Bounds::default()).expect("in pieces");
        let plain = |got: &Got| format!("{got:?}");
        prop_assert_eq!(plain(&whole), plain(&pieces));
        prop_assert_eq!(whole.len(), 2);
        prop_assert_eq!(whole[0].1.len(), values.len());
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), size in 1..50_usize) {
        let _ = read_in(&bytes, size, Bounds::default());
        let mut inside = br#"{"status":"success","data":{"result":["#.to_vec();
        inside.extend_from_slice(&bytes);
        let _ = read_in(&inside, size, Bounds { piece: 64, ..Bounds::default() });
    }
}
