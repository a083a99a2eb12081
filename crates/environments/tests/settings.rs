//! The editor's settings: our entries, and every other byte as it came.

use environments::render::{Secrets, vscode_settings};
use proptest::prelude::*;

fn edited(text: &str) -> String {
    vscode_settings(Some(text), Secrets::well_known()).expect("JSON with comments")
}

fn refused(text: &str) -> String {
    let error = vscode_settings(Some(text), Secrets::well_known()).expect_err("not ours to edit");
    error.to_string()
}

/// Our value as it stands in a text whose other bytes are known.
fn ours<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let rest = text
        .strip_prefix(before)
        .unwrap_or_else(|| panic!("{text:?} begins {before:?}"));
    rest.strip_suffix(after)
        .unwrap_or_else(|| panic!("{text:?} ends {after:?}"))
}

fn is_our_value(value: &str) -> bool {
    let parsed: serde_json::Value = serde_json::from_str(value).expect("plain JSON");
    parsed[0]["name"] == "TTA Dev Redis" && parsed.as_array().is_some_and(|all| all.len() == 3)
}

fn blank() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just(" "),
        Just("\t"),
        Just("\n"),
        Just("\r\n"),
        Just("\n    "),
        Just("// a \"redis.database\": [1]\n"),
        Just("/* { } , : \" */"),
        Just("// ü🟢\r\n"),
    ];
    prop::collection::vec(piece, 0..4).prop_map(|pieces| pieces.concat())
}

fn value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("1".to_owned()),
        Just("-0.5e3".to_owned()),
        Just("null".to_owned()),
        Just(r#""a \" } ] // b""#.to_owned()),
        Just(r#""redis.database""#.to_owned()),
        Just("\"🟢 ü\"".to_owned()),
        Just("[]".to_owned()),
        Just("{}".to_owned()),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        let item = (blank(), inner.clone(), blank()).prop_map(|(a, value, b)| a + &value + &b);
        let member = (blank(), inner, blank())
            .prop_map(|(a, value, b)| format!("{a}\"redis.database\":{value}{b}"));
        prop_oneof![
            (prop::collection::vec(item, 1..3), any::<bool>()).prop_map(|(items, comma)| format!(
                "[{}{}]",
                items.join(","),
                trailing(comma)
            )),
            (member, any::<bool>())
                .prop_map(|(member, comma)| format!("{{{member}{}}}", trailing(comma))),
        ]
    })
}

/// A list as people keep it: empty, or with values that are none of ours.
fn list() -> impl Strategy<Value = String> {
    let item = (blank(), value(), blank()).prop_map(|(a, value, b)| a + &value + &b);
    let items = (prop::collection::vec(item, 0..4), blank(), any::<bool>());
    items.prop_map(|(items, end, comma)| {
        let comma = trailing(comma && !items.is_empty());
        let end = if end.trim().is_empty() && items.is_empty() {
            String::new()
        } else {
            end
        };
        format!("[{}{comma}{end}]", items.join(","))
    })
}

/// Whether a text is another with something put in.
fn is_within(text: &str, longer: &str) -> bool {
    let mut rest = longer.chars();
    text.chars().all(|wanted| rest.any(|found| found == wanted))
}

fn trailing(comma: bool) -> &'static str {
    if comma { "," } else { "" }
}

/// Other members, each with what surrounds it.
fn members() -> impl Strategy<Value = Vec<String>> {
    let member = (blank(), "[a-z]{1,5}", blank(), blank(), value(), blank())
        .prop_map(|(a, name, b, c, value, d)| format!("{a}\"{name}\"{b}:{c}{value}{d}"));
    prop::collection::vec(member, 0..3)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn our_entries_are_put_behind_those_that_are_there_and_every_byte_stays(
        mark in prop_oneof![Just(""), Just("\u{feff}")],
        (head, tail) in (blank(), blank()),
        (earlier, later) in (members(), members()),
        (around, old) in ((blank(), blank(), blank(), blank()), list()),
        comma in any::<bool>(),
    ) {
        let (a, b, c, d) = around;
        let earlier: String = earlier.iter().map(|member| format!("{member},")).collect();
        let later: String = later.iter().map(|member| format!(",{member}")).collect();
        let before = format!("{mark}{head}{{{earlier}{a}\"redis.database\"{b}:{c}");
        let after = format!("{d}{later}{}}}{tail}", trailing(comma));
        let once = edited(&format!("{before}{old}{after}"));
        prop_assert!(is_within(&old, ours(&once, &before, &after)), "{once}");
        prop_assert_eq!(once.matches("\"TTA Dev Redis\"").count(), 1);
        prop_assert_eq!(&edited(&once), &once);
    }

    #[test]
    fn a_missing_value_is_put_first_and_every_byte_stays(
        mark in prop_oneof![Just(""), Just("\u{feff}")],
        (head, inside, tail) in (blank(), blank(), blank()),
        members in members(),
        comma in any::<bool>(),
    ) {
        let comma = trailing(comma && !members.is_empty());
        let before = format!("{mark}{head}{{");
        let after = format!("{}{inside}{comma}}}{tail}", members.join(","));
        let once = edited(&format!("{before}{after}"));
        let inserted = ours(&once, &before, &after).trim();
        let value = inserted.strip_prefix("\"redis.database\": ").expect("our property");
        prop_assert!(is_our_value(value.trim_end_matches(',')));
        prop_assert_eq!(&edited(&once), &once);
    }
}

#[test]
fn a_missing_or_empty_file_becomes_a_new_one() {
    let new = vscode_settings(None, Secrets::well_known()).expect("nothing to read");
    assert!(is_our_value(ours(
        &new,
        "{\n  \"redis.database\": ",
        "\n}\n"
    )));
    assert_eq!(edited(" \n"), new);
    assert_eq!(edited(&new), new);
}

#[test]
fn the_value_takes_the_indentation_and_the_line_ends_that_surround_it() {
    let tabs = edited("{\r\n\t\"a\": 1, // one\r\n\t\"redis.database\": [],\r\n}\r\n");
    assert!(
        tabs.contains("\t\"redis.database\": [\r\n\t\t{\r\n\t\t\t\"name\": \"TTA Dev Redis\",")
    );
    assert!(tabs.ends_with("\r\n\t],\r\n}\r\n"));
    assert_eq!(tabs.matches('\n').count(), tabs.matches("\r\n").count());
    let four = edited("{\n    \"a\": 1\n}\n");
    assert!(four.starts_with("{\n    \"redis.database\": [\n        {\n            \"name\""));
    assert!(four.ends_with("\n    ],\n    \"a\": 1\n}\n"));
}

#[test]
fn our_entries_are_set_where_they_stand_and_what_people_have_added_stays() {
    let text = concat!(
        "{\n  \"redis.database\": [\n",
        "    // the cache\n    { \"name\": \"Cache\", \"port\": 1 }, // ours\n",
        "    { \"name\": \"TTA Test Redis\", /* moved */ \"port\": 1, \"color\": \"red\" } // last\n",
        "  ]\n}\n"
    );
    insta::assert_snapshot!(edited(text), @r#"
    {
      "redis.database": [
        // the cache
        { "name": "Cache", "port": 1 }, // ours
        { "name": "TTA Test Redis", /* moved */ "port": 7379, "color": "red", "host": "localhost", "db": 0, "username": "tta-test", "password": "tta_test_password_2024", "label": "🟡 TEST" }, // last
        {
          "name": "TTA Dev Redis",
          "host": "localhost",
          "port": 6379,
          "db": 0,
          "username": "tta-dev",
          "password": "tta_dev_password_2024",
          "label": "🟢 DEV"
        },
        {
          "name": "TTA Staging Redis",
          "host": "localhost",
          "port": 8379,
          "db": 0,
          "username": "tta-staging",
          "password": "tta_staging_password_2024",
          "label": "🟠 STAGING"
        }
      ]
    }
    "#);
}

#[test]
fn an_entry_that_nobody_has_edited_is_exchanged_whole() {
    let well_known = vscode_settings(None, Secrets::well_known()).expect("a new file");
    let provided = vscode_settings(None, Secrets::with_staging()).expect("a new file");
    let to = |text: &str, secrets| vscode_settings(Some(text), secrets).expect("it is ours");
    assert_eq!(to(&well_known, Secrets::with_staging()), provided);
    assert_eq!(to(&provided, Secrets::well_known()), well_known);
    // A password of somebody's own is not ours to take away.
    let own = well_known.replace("tta_staging_password_2024", "mine");
    assert_eq!(to(&own, Secrets::with_staging()), own);
}

#[test]
fn a_comment_that_looks_like_the_property_is_none() {
    let text = "{\n  // \"redis.database\": []\n  \"a\": 1\n}\n";
    assert!(edited(text).ends_with("],\n  // \"redis.database\": []\n  \"a\": 1\n}\n"));
}

#[test]
fn a_name_written_with_escapes_is_the_same_name() {
    let text = r#"{"redis\u002edatabase": null}"#;
    assert!(is_our_value(ours(
        &edited(text),
        r#"{"redis\u002edatabase": "#,
        "}"
    )));
}

#[test]
fn what_can_not_be_edited_safely_is_refused_with_line_and_column() {
    insta::assert_snapshot!(
        [
            refused("{\n  \"a\": 1\n  \"b\": 2\n}"),
            refused("\u{feff}{\n  \"ü\": tru\n}"),
            refused("// settings\n[1]"),
            refused("// nothing else\n"),
            refused("{ 'a': 1 }"),
            refused("{} {}"),
            refused("{\"redis.database\": [],\n \"redis.database\": []}"),
            refused("{\"redis.database\": {}}"),
            refused("{\"redis.database\": [{\"name\": \"TTA Dev Redis\"},\n{\"name\": \"TTA Dev Redis\"}]}"),
            refused("{\"redis.database\": [{\"name\": \"TTA Dev Redis\", \"port\": 1, \"port\": 2}]}"),
        ]
        .join("\n")
    );
}
