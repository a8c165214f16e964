//! Tests of the settings: precedence, files, and that what is printed can be read.

use super::*;

/// A user's and a machine's folder in a temporary place.
struct Home {
    dir: tempfile::TempDir,
}

impl Home {
    fn new(user: &str, system: &str) -> Self {
        let home = Self { dir: tempfile::tempdir().expect("a temporary folder") };
        for (who, text) in [("user", user), ("system", system)] {
            std::fs::create_dir_all(home.path(who).join("themes")).expect("writable");
            if !text.is_empty() {
                std::fs::write(home.path(who).join("config.toml"), text).expect("writable");
            }
        }
        home
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn around(&self) -> Surroundings {
        Surroundings { user: Some(self.path("user")), system: Some(self.path("system")), no_color: false }
    }

    fn load(&self, options: &Options) -> Result<Settings, CliError> {
        load_in(options, &self.around())
    }
}

#[test]
fn without_files_the_default_site_is_simulated() {
    let s = Home::new("", "").load(&Options::default()).expect("defaults are valid");
    assert_eq!(s.topology.gpu_count(), 100_224);
    assert_eq!(s.sources, [SourceSpec::Sim { seed: 1, speed: 1.0, script: None }]);
    assert_eq!((s.history_bytes, s.interval.as_secs(), s.timeout.as_secs()), (512 << 20, 15, 5));
    assert_eq!(
        (s.theme.as_str(), s.color, s.ascii, s.mouse, s.probe),
        ("default", ColorChoice::Auto, false, true, true)
    );
    assert!(!s.is_live() && s.files.is_empty() && s.warnings.is_empty());
}

#[test]
fn a_flag_goes_before_the_user_and_the_user_before_the_machine() {
    let home = Home::new("theme = \"light\"\n", "theme = \"mono\"\ninterval = \"30s\"\nmouse = false\n");
    let s = home.load(&Options { theme: Some("grey".into()), ..Options::default() }).expect("valid");
    assert_eq!((s.theme.as_str(), s.interval.as_secs(), s.mouse), ("grey", 30, false));
    let s = home.load(&Options::default()).expect("valid");
    assert_eq!(s.theme, "light");
    assert_eq!(s.files, [home.path("user/config.toml"), home.path("system/config.toml")]);
}

#[test]
fn no_color_stands_between_flag_and_file() {
    let home = Home::new("color = \"always\"\n", "");
    let around = Surroundings { no_color: true, ..home.around() };
    let color = |options: &Options| load_in(options, &around).expect("valid").color;
    assert_eq!(color(&Options::default()), ColorChoice::Never);
    assert_eq!(
        color(&Options { color: Some(ColorChoice::Always), ..Options::default() }),
        ColorChoice::Always
    );
    assert_eq!(home.load(&Options::default()).expect("valid").color, ColorChoice::Always);
}

#[test]
fn a_named_config_replaces_the_users_and_must_exist() {
    let home = Home::new("theme = \"light\"\n", "");
    std::fs::write(home.path("other.toml"), "ascii = true\n").expect("writable");
    let options = Options { config: Some(home.path("other.toml")), ..Options::default() };
    let s = home.load(&options).expect("valid");
    assert_eq!((s.theme.as_str(), s.ascii), ("default", true));
    let options = Options { config: Some(home.path("absent.toml")), ..Options::default() };
    assert!(home.load(&options).expect_err("absent").report().contains("absent.toml"));
}

#[test]
fn live_sources_without_a_topology_open_an_empty_site() {
    let home = Home::new("[[source]]\nkind = \"scrape\"\ntargets = \"http://a:1/metrics\"\n", "");
    let s = home.load(&Options::default()).expect("valid");
    assert!(s.is_live() && s.topology.plan().open);
    assert_eq!((s.topology.gpu_count(), s.topology.site()), (0, "live"));
    let s = home.load(&Options { sim: true, local: true, ..Options::default() }).expect("valid");
    assert_eq!(s.topology.gpu_count(), 100_224);
}

#[test]
fn topology_and_inventory_are_read_beside_the_config() {
    let home = Home::new("topology = \"site.toml\"\ninventory = \"inv.csv\"\n", "");
    let site = include_str!("../../../sites/air-cooled.toml");
    std::fs::write(home.path("user/site.toml"), site).expect("writable");
    std::fs::write(home.path("user/inv.csv"), "host,hall,row,rack,tray\na,H1,R01,K1,T01\n")
        .expect("writable");
    let s = home.load(&Options::default()).expect("valid");
    assert_eq!((s.topology.gpu_count(), s.placer.inventory_len(), s.files.len()), (320, 1, 3));
    std::fs::write(home.path("user/site.toml"), site.replace("rack = \"HGX8x4\"", "rack = \"HGX8\""))
        .expect("writable");
    let e = home.load(&Options::default()).expect_err("no such rack").report();
    assert!(e.contains("site.toml:31: ") && e.contains("did you mean `HGX8x4`?"), "{e}");
}

#[test]
fn alarm_rules_are_read_beside_the_config_and_a_broken_file_is_refused() {
    let home = Home::new("alarm_rules = [\"a.toml\", \"b.toml\"]\n", "");
    let a = "[[rule]]\nname = \"grid-frequency\"\nenabled = false\n";
    let b = "[[rule]]\nname = \"grid-frequency\"\nenabled = true\non = \"20s\"\n";
    std::fs::write(home.path("user/a.toml"), a).expect("writable");
    std::fs::write(home.path("user/b.toml"), b).expect("writable");
    let s = home.load(&Options::default()).expect("valid");
    assert_eq!(s.files[1..], [home.path("user/a.toml"), home.path("user/b.toml")]);
    let of = |rules: &Rules| {
        let rule = rules.list().iter().find(|r| &*r.slug == "grid-frequency").expect("built in").clone();
        (rule.disabled, rule.on_ms)
    };
    assert_eq!(of(&s.rules), (false, 20_000), "the later file goes before the earlier");
    assert_eq!(rules::told(&s.rules), "26 rules, 1 changed");
    // One file on the command line takes the place of those of the config.
    let given = Options { alarm_rules: vec![home.path("user/a.toml")], ..Options::default() };
    let only = load_rules(&given, &home.around()).expect("valid");
    assert_eq!(
        (of(&only), rules::told(&only)),
        ((true, 10_000), "26 rules, 1 changed, 1 switched off".to_owned())
    );
    std::fs::write(home.path("user/b.toml"), b.replace("20s", "20 apples")).expect("writable");
    let e = home.load(&Options::default()).expect_err("no time").report();
    assert!(
        e.contains("b.toml:4: `on`: ") && load_rules(&Options::default(), &home.around()).is_err(),
        "{e}"
    );
    assert_eq!(home.load(&given).map(|s| of(&s.rules)).ok(), Some((true, 10_000)));
}

#[test]
fn rules_and_keys_arrive_with_their_place() {
    let text = "[[place]]\nlabel = \"host\"\nregex = '(?<rack>r\\d+)'\n[keys]\nquit = [\"x\"]\n";
    let s = Home::new(text, "[keys]\nquit = \"q\"\nhelp = \"?\"\n").load(&Options::default()).expect("valid");
    assert_eq!(
        (s.keys["quit"].as_slice(), s.keys["help"].as_slice()),
        (&["x".to_owned()][..], &["?".to_owned()][..])
    );
    let e = s.error_at("quit", "no action is called so").to_string();
    assert!(e.ends_with("config.toml:5: `quit`: no action is called so"), "{e}");
    assert_eq!(s.error_at("theme", "absent").to_string(), "default settings: `theme`: absent");
}

#[test]
fn themes_of_the_user_go_before_those_of_the_machine() {
    let home = Home::new("", "");
    std::fs::write(home.path("user/themes/night.toml"), "a = 1\n").expect("writable");
    std::fs::write(home.path("system/themes/night.toml"), "a = 2\n").expect("writable");
    std::fs::write(home.path("system/themes/day.toml"), "a = 3\n").expect("writable");
    std::fs::write(home.path("user/themes/broken.toml"), b"\xff").expect("writable");
    let s = home.load(&Options::default()).expect("a broken theme stops nothing");
    let names: Vec<_> = s.themes.iter().map(|t| (t.name.as_str(), t.text.as_str())).collect();
    assert_eq!(names, [("night", "a = 1\n"), ("day", "a = 3\n")]);
    assert!(s.warnings[0].contains("broken.toml"), "{:?}", s.warnings);
}

#[test]
fn the_settings_printed_are_the_settings_read() {
    let text = "theme = \"light\"\ncolor = \"never\"\nhistory = \"1GiB\"\ninterval = \"90s\"\n\
        [[source]]\nkind = \"sim\"\nseed = 3\nspeed = 2.5\n[[source]]\nkind = \"scrape\"\ntargets = [\"/t.json\"]\n\
        [[place]]\nlabel = \"host\"\nregex = '(?<rack>\"r\\d+)'\n[keys]\n\"a b\" = [\"x\", \"\\\"\"]\n";
    let home = Home::new(text, "");
    let first = home.load(&Options::default()).expect("valid");
    std::fs::write(home.path("printed.toml"), doc::in_effect(&first)).expect("writable");
    let options = Options { config: Some(home.path("printed.toml")), ..Options::default() };
    let second = home.load(&options).expect("what is printed is valid");
    let values = |s: &Settings| s.values.iter().map(|(k, v)| (*k, v.value.clone())).collect::<Vec<_>>();
    assert_eq!(values(&first), values(&second));
    assert_eq!((&first.sources, &first.places, &first.keys), (&second.sources, &second.places, &second.keys));
}

#[test]
fn the_template_without_its_hash_signs_is_valid_and_changes_nothing() {
    let bare: String = doc::template()
        .lines()
        .filter_map(|l| l.strip_prefix('#').filter(|l| !l.starts_with(' ')))
        .map(|l| format!("{l}\n"))
        .collect();
    let layer = layer::parse(&bare, Path::new("template.toml")).expect("every line is valid");
    assert_eq!(layer.values.len(), KEYS.len(), "every key is in the template");
    let defaults = merge(Layer::default(), Vec::new());
    for (name, setting) in &defaults.values {
        assert_eq!(setting.value, layer.values[name].value, "{name}");
    }
}
