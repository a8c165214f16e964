//! From the text of a scenario file to a checked scenario.

use toml::de::DeTable;

use crate::model::alarm::rule::{self, AlarmRule};
use crate::model::document::{self, Document, FileError};
use crate::model::table::{Place, Table, show_seconds};
use crate::model::text;
use crate::source::sim::scenario::ground::Level;
use crate::source::sim::scenario::verb::{self, MAX_PARAMS, Param, Takes, VERBS, Values, Verb};
use crate::source::sim::scenario::{
    Among, Event, MAX_BYTES, MAX_EVENTS, MAX_LENGTH, On, Pick, Quiet, RESERVED, Raise, Scenario, Share,
    signature,
};

/// The keys at the top of the file.
pub const TOP_KEYS: [&str; 8] = ["name", "title", "doc", "length", "pick", "event", "alarm", "signature"];
/// The keys of `[pick]`.
pub const PICK_KEYS: [&str; 2] = ["kind", "on"];
/// The keys of an `[[event]]` beside the parameters of its verb.
pub const EVENT_KEYS: [&str; 9] = ["at", "do", "on", "count", "but", "spread", "each", "per", "as"];
/// The keys of an `[[alarm]]`.
pub const ALARM_KEYS: [&str; 5] = ["rule", "on", "at", "within", "none"];

/// The kinds of assets that can be drawn.
pub const PICK_KINDS: [Level; 6] =
    [Level::Row, Level::Rack, Level::Hall, Level::Cdu, Level::Tray, Level::Gpu];

/// Longest name, characters.
const MAX_NAME: usize = 64;
/// Longest description, bytes.
const MAX_DOC: usize = 8 << 10;
/// Most assets that can be counted.
const MAX_COUNT: u32 = 1_000_000;

/// Parses the scenario `file` with the content `text`.
///
/// # Errors
/// The first mistake, with file and line.
pub fn scenario(text: &str, file: &str) -> Result<Scenario, FileError> {
    if text.len() > MAX_BYTES {
        return Err(FileError::new(file, None, format!("larger than {MAX_BYTES} bytes")));
    }
    let doc = Document::new(text, file);
    let parsed = DeTable::parse(text).map_err(|e| doc.toml_error(&e))?;
    let top = Table::top(doc, parsed.get_ref());
    top.only(&TOP_KEYS)?;
    let length = top.need("length", "a time like \"5m\"")?;
    let pick = top.table("pick", "[pick]")?.map(|t| pick(&t)).transpose()?;
    let mut reader = Reader {
        length: top.seconds("length", length, (1, MAX_LENGTH))?,
        picks: pick.is_some(),
        sets: Vec::new(),
    };
    let mut scenario = Scenario {
        name: name(&top, "name")?,
        title: title(&top)?,
        doc: description(&top)?,
        length: reader.length,
        pick,
        events: reader.events(&top)?,
        raises: Vec::new(),
        quiet: Vec::new(),
        signatures: Vec::new(),
        file: file.to_owned(),
    };
    reader.alarms(&top, &mut scenario)?;
    for table in top.tables("signature", "[[signature]]", MAX_EVENTS)? {
        let on = |name: &str, line| reader.on(&table, name, line);
        scenario.signatures.push(signature::read(&table, reader.length, on)?);
    }
    Ok(scenario)
}

/// A name of lower-case letters, digits and dashes.
fn name(table: &Table<'_, '_, '_>, key: &str) -> Result<String, FileError> {
    let value = table.need(key, "a name like \"rack-leak\"")?;
    let name = table.text(key, value)?;
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if name.is_empty() || name.len() > MAX_NAME || !name.bytes().all(fits) {
        let e = format!("`{}`: expected lower-case letters, digits and dashes", text::clean(name));
        return Err(table.wrong(key, value, e));
    }
    Ok(name.to_owned())
}

fn title(top: &Table<'_, '_, '_>) -> Result<String, FileError> {
    let value = top.need("title", "the name in words")?;
    let title = text::clean(top.text("title", value)?);
    if title.trim().is_empty() { Err(top.wrong("title", value, "is empty")) } else { Ok(title) }
}

/// The description, without anything that could steer a terminal; lines stay.
fn description(top: &Table<'_, '_, '_>) -> Result<String, FileError> {
    let value = top.need("doc", "what happens and what there is to see")?;
    let doc = top.text("doc", value)?;
    if doc.len() > MAX_DOC {
        return Err(top.wrong("doc", value, format!("longer than {MAX_DOC} bytes")));
    }
    Ok(doc.trim().chars().filter(|c| *c == '\n' || text::is_safe(*c)).collect())
}

fn pick(table: &Table<'_, '_, '_>) -> Result<Pick, FileError> {
    table.only(&PICK_KEYS)?;
    let kinds = PICK_KINDS.map(|k| (k.name(), k));
    let kind = table.word("kind", &kinds)?;
    let kind = kind.ok_or_else(|| {
        table.error(format!("has no `kind`: expected one of {}", PICK_KINDS.map(Level::name).join(", ")))
    })?;
    let among = table.word("on", &Among::ALL)?.unwrap_or(Among::Any);
    Ok(Pick { kind, among, line: table.line() })
}

/// What later tables need to know of earlier ones.
struct Reader {
    length: u64,
    picks: bool,
    /// Names that events gave to their assets.
    sets: Vec<String>,
}

impl Reader {
    /// The assets that `name` means.
    fn on(&self, table: &Table<'_, '_, '_>, name: &str, line: usize) -> Result<On, FileError> {
        let wrong = |m: String| FileError::new(table.doc.file, Some(line), m);
        match name {
            "site" => Ok(On::Site),
            "picked" | "job" if !self.picks => {
                Err(wrong(format!("nothing is picked: `{name}` needs the table [pick]")))
            }
            "picked" => Ok(On::Picked),
            "job" => Ok(On::Job),
            _ if self.sets.iter().any(|s| s == name) => Ok(On::Set(name.to_owned())),
            _ if text::clean(name).is_empty() => {
                Err(wrong(String::from("`on`: expected the name of an asset")))
            }
            _ => Ok(On::Asset(text::clean(name))),
        }
    }

    fn events(&mut self, top: &Table<'_, '_, '_>) -> Result<Vec<Event>, FileError> {
        let mut events: Vec<Event> = Vec::new();
        for table in top.tables("event", "[[event]]", MAX_EVENTS)? {
            let event = self.event(&table)?;
            if let Some(last) = events.last().filter(|last| last.at > event.at) {
                let (at, before) = (show_seconds(event.at), show_seconds(last.at));
                return Err(table.error(format!("goes back in time: {at} after {before}")));
            }
            self.sets.extend(event.named.clone());
            events.push(event);
        }
        if events.is_empty() { Err(top.error("there is no [[event]]: nothing happens")) } else { Ok(events) }
    }

    fn event(&self, table: &Table<'_, '_, '_>) -> Result<Event, FileError> {
        let verb = verb_of(table)?;
        let params = verb.params.iter().map(|p| p.name);
        let known: Vec<&str> = EVENT_KEYS.into_iter().chain(params).collect();
        table.only(&known)?;
        let at = table.need("at", "a time like \"12s\"")?;
        let on = match table.get("on") {
            Some(v) => self.on(table, table.text("on", v)?, table.doc.line_of(&v.span()))?,
            None if verb.level == Level::Site => On::Site,
            None => {
                return Err(table.error(format!(
                    "has no `on`: `{}` acts on a {}",
                    verb.name,
                    verb.level.name()
                )));
            }
        };
        let time = |key: &str| table.get(key).map(|v| table.seconds(key, v, (0, MAX_LENGTH))).transpose();
        let on_line = table.get("on").map_or_else(|| table.line(), |v| table.doc.line_of(&v.span()));
        let event = Event {
            at: table.seconds("at", at, (0, self.length))?,
            verb,
            values: values(table, verb)?,
            on,
            on_line,
            share: share(table)?,
            spread: time("spread")?.unwrap_or(0),
            each: time("each")?.unwrap_or(0),
            per: per(table, verb)?,
            named: self.named(table)?,
            line: table.line(),
        };
        let many = ["count", "but", "spread", "each", "per"];
        if verb.level == Level::Site
            && let Some(key) = many.into_iter().find(|k| table.get(k).is_some())
        {
            return Err(table.error(format!("`{key}` means nothing to `{}`: there is one site", verb.name)));
        }
        Ok(event)
    }

    /// The name that the event gives to its assets.
    fn named(&self, table: &Table<'_, '_, '_>) -> Result<Option<String>, FileError> {
        let Some(value) = table.get("as") else { return Ok(None) };
        let name = name(table, "as")?;
        if RESERVED.contains(&name.as_str()) || self.sets.contains(&name) {
            return Err(table.wrong("as", value, format!("`{name}` has a meaning already")));
        }
        Ok(Some(name))
    }

    fn alarms(&self, top: &Table<'_, '_, '_>, scenario: &mut Scenario) -> Result<(), FileError> {
        for table in top.tables("alarm", "[[alarm]]", MAX_EVENTS)? {
            table.only(&ALARM_KEYS)?;
            let on = table.need("on", "the asset at or in which it stands")?;
            let on = self.on(&table, table.text("on", on)?, table.doc.line_of(&on.span()))?;
            let line = table.line();
            match (table.get("rule"), table.get("none")) {
                (Some(rule), None) => {
                    let name = table.text("rule", rule)?;
                    let rule = rule::find(name).map_err(|e| table.wrong("rule", rule, e))?;
                    let time = |key: &str| table.seconds(key, table.need(key, "a time")?, (0, self.length));
                    let (at, within) = (time("at")?, time("within")?);
                    scenario.raises.push(Raise { rule, on, at, within, line });
                }
                (None, Some(none)) => {
                    if let Some(key) = ["at", "within"].into_iter().find(|k| table.get(k).is_some()) {
                        return Err(table.error(format!("`{key}` means nothing to `none`")));
                    }
                    let rules = rules(&table, none)?;
                    scenario.quiet.push(Quiet { rules, on, line });
                }
                _ => return Err(table.error("needs either `rule` or `none`")),
            }
        }
        Ok(())
    }
}

fn verb_of(table: &Table<'_, '_, '_>) -> Result<&'static Verb, FileError> {
    let value = table.need("do", "a verb like \"pump-trip\"")?;
    let name = table.text("do", value)?;
    verb::find(name).ok_or_else(|| {
        let names: Vec<&str> = VERBS.iter().map(|v| v.name).collect();
        let hint = document::hint(name, &names);
        table.wrong("do", value, format!("no verb is called `{}`: {hint}", text::clean(name)))
    })
}

fn rules(table: &Table<'_, '_, '_>, none: Place<'_, '_>) -> Result<Vec<&'static AlarmRule>, FileError> {
    let mut rules = Vec::new();
    for (name, line) in table.texts("none", none)? {
        let wrong = |e| FileError::new(table.doc.file, Some(line), format!("`none`: {e}"));
        let rule = rule::find(name).map_err(wrong)?;
        if rules.contains(&rule) {
            return Err(wrong(format!("`{}` stands twice", rule.slug)));
        }
        rules.push(rule);
    }
    if rules.is_empty() { Err(table.wrong("none", none, "names no rule")) } else { Ok(rules) }
}

fn values(table: &Table<'_, '_, '_>, verb: &Verb) -> Result<Values, FileError> {
    let mut values = [0.0; MAX_PARAMS];
    for (slot, param) in values.iter_mut().zip(verb.params) {
        *slot = value(table, verb, param)?;
    }
    Ok(values)
}

fn value(table: &Table<'_, '_, '_>, verb: &Verb, param: &Param) -> Result<f32, FileError> {
    let Some(found) = table.get(param.name) else {
        let missing = || table.error(format!("has no `{}`: `{}` needs it", param.name, verb.name));
        return param.default.ok_or_else(missing);
    };
    let key = param.name;
    Ok(match param.takes {
        Takes::Number(low, high, unit) => table.number(key, found, (low, high), unit)?,
        Takes::Whole(low, high) => table.whole(key, found, (low, high))? as f32,
        Takes::Seconds(low, high) => table.seconds(key, found, (low, high))? as f32,
        Takes::Millis(low, high) => table.millis(key, found, (low, high))? as f32,
        Takes::Flag => f32::from(u8::from(table.flag(key, found)?)),
        Takes::Word(words) => {
            let places: Vec<(&str, usize)> = words.iter().enumerate().map(|(i, w)| (*w, i)).collect();
            table.word(key, &places)?.unwrap_or(0) as f32
        }
    })
}

/// How many of the assets are meant.
fn share(table: &Table<'_, '_, '_>) -> Result<Share, FileError> {
    match (table.get("count"), table.get("but")) {
        (None, None) => Ok(Share::All),
        (Some(v), None) => between(table, "count", v, 1).map(|(a, b)| Share::Count(a, b)),
        (None, Some(v)) => between(table, "but", v, 0).map(|(a, b)| Share::But(a, b)),
        _ => Err(table.error("has both `count` and `but`: expected one of them")),
    }
}

/// A whole number, or two as a list: a number is drawn between them.
fn between(
    table: &Table<'_, '_, '_>,
    key: &str,
    value: Place<'_, '_>,
    least: u32,
) -> Result<(u32, u32), FileError> {
    let Some(list) = value.get_ref().as_array() else {
        return table.whole(key, value, (least, MAX_COUNT)).map(|n| (n, n));
    };
    if list.len() != 2 {
        return Err(table.wrong(key, value, "expected a number, or two like [4, 20]"));
    }
    let low = table.whole(key, &list[0], (least, MAX_COUNT))?;
    let high = table.whole(key, &list[1], (least, MAX_COUNT))?;
    if low > high {
        return Err(table.wrong(key, value, format!("{low} is more than {high}")));
    }
    Ok((low, high))
}

/// The kind of asset that makes a group: the verb's own, or a higher one.
fn per(table: &Table<'_, '_, '_>, verb: &Verb) -> Result<Level, FileError> {
    let all = [Level::Hall, Level::Row, Level::Cdu, Level::Rack, Level::Tray, Level::Gpu];
    let higher = |l: Level| l < verb.level && (l != Level::Cdu) || l == verb.level;
    let words: Vec<_> = all.into_iter().filter(|l| higher(*l)).map(|l| (l.name(), l)).collect();
    Ok(table.word("per", &words)?.unwrap_or(verb.level))
}
