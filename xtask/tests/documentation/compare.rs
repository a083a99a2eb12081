//! What a page shows beside what came: times, ids, ports and the instance's name differ every time.

use serde_json::Value;

/// A line without what differs from run to run, and with single spaces, since the widths of a
/// table's columns follow from its cells.
pub(crate) fn normal(line: &str, instance: &str) -> String {
    let line = line.replace(instance, "doc1");
    let words: Vec<String> = line.split_whitespace().map(word).collect();
    let line = words.join(" ");
    // How many neighbours there are follows from what else the machine runs.
    match line.split_once(" objects of other environments") {
        Some((before, after)) => {
            let before = before.trim_end_matches(|character: char| character.is_ascii_digit());
            let before = before.trim_end_matches('#');
            format!("{before}# objects of other environments{after}")
        }
        None => line,
    }
}

fn word(word: &str) -> String {
    let mut normal = String::new();
    let mut rest = word;
    while !rest.is_empty() {
        let end = rest.find(|character: char| !character.is_ascii_alphanumeric());
        let (token, after) = rest.split_at(end.unwrap_or(rest.len()));
        let in_decimal = normal.ends_with("#.")
            || after
                .strip_prefix('.')
                .is_some_and(|fraction| fraction.starts_with(|digit: char| digit.is_ascii_digit()));
        normal.push_str(if changes(token, in_decimal) {
            "#"
        } else {
            token
        });
        let separator = after.chars().next().map_or(0, char::len_utf8);
        normal.push_str(&after[..separator]);
        rest = &after[separator..];
    }
    // `12.3` and `2026-01-01T…` are several numbers each.
    while let Some(at) = ["#.#", "#-#", "#:#"]
        .iter()
        .find_map(|two| normal.find(two))
    {
        normal.replace_range(at..at + 3, "#");
    }
    normal
}

/// Decimals, numbers of two digits and more, ids, and the parts of a time: `22T18`, `59Z`. A single
/// digit counts something, and is compared.
fn changes(token: &str, in_decimal: bool) -> bool {
    let all = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = all(token) && (token.len() >= 2 || in_decimal);
    let hexadecimal = token.bytes().all(|byte| byte.is_ascii_hexdigit());
    let time = token.strip_suffix('Z').is_some_and(all)
        || token
            .split_once('T')
            .is_some_and(|(day, hour)| all(day) && all(hour));
    number || time || hexadecimal && token.len() >= 8
}

/// Steps of several environments end in any order: each run of them is put in one.
pub(crate) fn steps_in_order(mut lines: Vec<String>) -> Vec<String> {
    for run in lines.chunk_by_mut(|one, next| one.starts_with('✓') && next.starts_with('✓')) {
        run.sort();
    }
    lines
}

/// Whether the lines that came are those that are shown, `…` standing for any.
pub(crate) fn matches(shown: &[String], came: &[String]) -> bool {
    match shown.split_first() {
        None => came.is_empty(),
        Some((first, rest)) if first == "…" => {
            (0..=came.len()).any(|skipped| matches(rest, &came[skipped..]))
        }
        Some((first, rest)) => came
            .split_first()
            .is_some_and(|(line, others)| line == first && matches(rest, others)),
    }
}

/// Where two documents differ in their form: the keys of objects and the types of values. `null`
/// may stand for anything, and of lists the first elements are compared.
pub(crate) fn form(path: &str, shown: &Value, came: &Value) -> Vec<String> {
    match (shown, came) {
        (Value::Null, _) | (_, Value::Null) => Vec::new(),
        (Value::Object(shown), Value::Object(came)) => {
            let mut differences = Vec::new();
            for key in shown.keys().filter(|key| !came.contains_key(*key)) {
                differences.push(format!("{path}.{key} is shown, but did not come"));
            }
            for (key, value) in came {
                match shown.get(key) {
                    None => differences.push(format!("{path}.{key} came, but is not shown")),
                    Some(shown) => differences.extend(form(&format!("{path}.{key}"), shown, value)),
                }
            }
            differences
        }
        (Value::Array(shown), Value::Array(came)) => match (shown.first(), came.first()) {
            (Some(shown), Some(came)) => form(&format!("{path}[0]"), shown, came),
            _ => Vec::new(),
        },
        (Value::Bool(_), Value::Bool(_))
        | (Value::Number(_), Value::Number(_))
        | (Value::String(_), Value::String(_)) => Vec::new(),
        _ => vec![format!("{path} is shown as {shown}, but came as {came}")],
    }
}

#[test]
fn what_differs_from_run_to_run_is_no_difference() {
    let same = |one: &str, other: &str| {
        assert_eq!(normal(one, "doc1"), normal(other, "doc77"));
    };
    same("(17d6c8e37841) (0.7 s)", "(222222222222) (12.9 s)");
    same("bolt://localhost:22494", "bolt://localhost:31000");
    same("made 2026-11-22T18:38:59Z)", "made 2027-01-02T03:04:05Z)");
    same("tta_doc1_dev   x", "tta_doc77_dev x");
    same(
        "5 objects of other environments",
        "15 objects of other environments",
    );
    same("Neo4j 5.26.30 (89.6 KiB)", "Neo4j 5.26.31 (9.0 KiB)");
}

#[test]
fn words_and_formats_are_a_difference() {
    assert_ne!(normal("dev: done", "doc1"), normal("dev: failed", "doc1"));
    assert_ne!(normal("1 node", "doc1"), normal("2 nodes", "doc1"));
}

#[test]
fn lines_that_are_left_out_may_be_any_number() {
    let lines = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    assert!(matches(&lines("a … d"), &lines("a b c d")));
    assert!(matches(&lines("a … d"), &lines("a d")));
    assert!(!matches(&lines("a d"), &lines("a b d")));
    assert!(!matches(&lines("a …"), &lines("b")));
}
