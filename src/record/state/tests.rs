//! Alarms, sources and the rest, told in pieces and put together again.

use proptest::prelude::*;

use super::*;
use crate::model::alarm::AlarmState;
use crate::model::entry::TargetState;
use crate::record::testing::Site;

fn transition(id: u64, second: i64) -> Arc<Transition> {
    Arc::new(Transition {
        time: Timestamp::from_secs(second),
        alarm: AlarmId(id),
        rule: "r".into(),
        place: "H1".into(),
        input: crate::model::alarm::Input::Raise,
        from: AlarmState::Normal,
        to: AlarmState::Unacknowledged,
        priority: 2,
        operation: 0,
        text: "".into(),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn the_board_is_the_same_at_every_tick(steps in prop::collection::vec((0u64..6, any::<bool>()), 1..40)) {
        let mut site = Site::small();
        site.tick(1);
        let (mut writer, mut reader) = (AlarmsWriter::default(), AlarmsReader::default());
        let mut events: VecDeque<Arc<Transition>> = VecDeque::new();
        let rules: Arc<[RuleView]> = Arc::new([]);
        for (i, (id, raise)) in steps.into_iter().enumerate() {
            site.tick(1);
            if raise {
                site.raise(id);
                events.push_front(transition(id, i as i64));
            } else {
                site.alarms.retain(|a| a.id.0 != id);
            }
            let mut board = site.snapshot().alarms.as_ref().clone();
            board.events = events.iter().cloned().collect();
            board.kpi = Arc::new(Kpi { watched_ms: 1000 * (i as i64 + 1), ..Kpi::default() });
            board.bells = events.len() as u64;
            if let Some(message) = writer.message(&board, i % 10 == 0) {
                reader.take(message, board.time, &site.frame.topology);
            }
            let read = reader.board(&rules);
            prop_assert_eq!(&read.alarms, &board.alarms);
            prop_assert_eq!((&read.events, read.counts, read.bells), (&board.events, board.counts, board.bells));
            prop_assert_eq!(&read.kpi, &board.kpi);
        }
    }
}

#[test]
fn nothing_is_told_where_nothing_changed() {
    let mut site = Site::small();
    site.tick(1);
    site.raise(7);
    let mut writer = AlarmsWriter::default();
    let board = site.snapshot().alarms.as_ref().clone();
    assert_eq!(writer.message(&board, false).map(|m| m.alarms.len()), Some(1));
    assert_eq!(writer.message(&board, false), None);
    let later = AlarmBoard { kpi: Arc::new(Kpi { watched_ms: 9, ..Kpi::default() }), ..board };
    assert_eq!(writer.message(&later, false).map(|m| m.alarms.len()), Some(0), "figures alone");
    assert_eq!(writer.message(&later, true).map(|m| m.alarms.len()), Some(1), "but whole where asked for");
}

#[test]
fn targets_are_told_when_they_change() {
    let target = |state| TargetStatus { state, ..TargetStatus::default() };
    let view = |targets: Vec<TargetStatus>| SourceView {
        status: SourceStatus { target_count: targets.len() as u32, ..SourceStatus::default() },
        targets: targets.into_iter().map(Arc::new).collect(),
    };
    let first: Arc<[SourceView]> =
        Arc::new([view(vec![target(TargetState::Up), target(TargetState::Waiting)])]);
    let then: Arc<[SourceView]> =
        Arc::new([view(vec![target(TargetState::Up), target(TargetState::Down("503".into()))])]);
    let (mut writer, mut reader) = (SourcesWriter::default(), SourcesReader::default());
    reader.take(writer.message(&first, true).expect("whole"));
    assert_eq!(reader.list(), first);
    assert_eq!(writer.message(&first, false), None);
    let message = writer.message(&then, false).expect("one target changed");
    assert_eq!(message.sources[0].targets.len(), 1);
    reader.take(message);
    assert_eq!(reader.list(), then);
}

#[test]
fn a_target_beyond_its_list_is_left_out() {
    let mut reader = SourcesReader::default();
    let status = SourceStatus { target_count: u32::MAX, ..SourceStatus::default() };
    let hostile = SourceMessage { status, targets: vec![(u32::MAX, TargetStatus::default())] };
    reader.take(SourcesMessage { whole: true, sources: vec![hostile] });
    assert_eq!(reader.list()[0].targets.len(), MOST_TARGETS as usize);
}

#[test]
fn identities_come_back_and_unknown_values_stay_unknown() {
    let mut site = Site::small();
    site.tick(1);
    let mut snapshot = Snapshot::clone(&site.snapshot());
    let mut inventory = Inventory::default();
    inventory.set_gpu(GpuId(3), Arc::new(GpuFacts { uuid: "GPU-1".into(), ..GpuFacts::default() }));
    inventory.merge_node(TrayId(2), &NodeReading { cpu: 12.5, ..NodeReading::default() });
    snapshot.inventory = Arc::new(inventory);
    let packed = crate::record::document::pack(&InventoryMessage::of(&snapshot));
    let message: InventoryMessage = crate::record::document::unpack(&packed).expect("JSON");
    let read = message.read(&site.frame.topology);
    assert_eq!(read.gpu(GpuId(3)).map(|f| f.uuid.as_str()), Some("GPU-1"));
    let node = read.node(TrayId(2)).expect("known");
    assert!((node.cpu - 12.5).abs() < f32::EPSILON && node.memory.is_nan() && node.boot_time.is_nan());
    let hostile = InventoryMessage { gpus: vec![(u32::MAX, Arc::default())], ..InventoryMessage::default() };
    assert_eq!(hostile.read(&site.frame.topology).gpus().count(), 0, "a GPU that is not there");
}
