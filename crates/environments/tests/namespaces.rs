//! Keys and labels: a file of vectors that the Python helpers are held to as well, and what holds
//! for any key and any label.

use environments::{Environment, KeyError, LabelError, Neo4jLabelHelper, RedisKeyPrefixer};
use proptest::prelude::*;
use serde_json::Value;

const VECTORS: &str = include_str!("vectors.json");

/// The vectors of one kind; there are some.
fn vectors(kind: &str) -> Vec<Value> {
    let all: Value = serde_json::from_str(VECTORS).expect("the vectors are JSON");
    let of_kind = all[kind].as_array().expect("a list").clone();
    assert!(!of_kind.is_empty(), "no vector of {kind}");
    of_kind
}

fn environment(vector: &Value) -> Environment {
    let name = vector["environment"].as_str().expect("an environment");
    Environment::from_namespace(name).expect("a known one")
}

fn text<'a>(vector: &'a Value, field: &str) -> &'a str {
    let found = vector[field].as_str();
    found.unwrap_or_else(|| panic!("{vector} has no {field}"))
}

fn texts(vector: &Value, field: &str) -> Vec<String> {
    let list = vector[field].as_array();
    let list = list.unwrap_or_else(|| panic!("{vector} has no {field}"));
    list.iter()
        .map(|one| one.as_str().expect("a text").to_owned())
        .collect()
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits = |at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal");
    (0..hex.len()).step_by(2).map(digits).collect()
}

const fn key_error(error: KeyError) -> &'static str {
    match error {
        KeyError::Empty => "empty",
        KeyError::Foreign(_) => "foreign",
        KeyError::Nested(_) => "nested",
        KeyError::Bare => "bare",
    }
}

const fn label_error(error: LabelError) -> &'static str {
    match error {
        LabelError::Empty => "empty",
        LabelError::Nul => "nul",
        LabelError::Foreign(_) => "foreign",
        LabelError::Missing(_) => "missing",
    }
}

/// An answer is the vector's, or an error of the vector's kind.
#[track_caller]
fn agree<T: PartialEq + std::fmt::Debug>(
    vector: &Value,
    found: Result<T, &str>,
    expected: impl Fn() -> T,
) {
    match vector["error"].as_str() {
        Some(kind) => assert_eq!(found, Err(kind), "{vector}"),
        None => assert_eq!(found, Ok(expected()), "{vector}"),
    }
}

#[test]
fn keys_are_made_as_the_vectors_say() {
    for vector in vectors("make") {
        let keys = RedisKeyPrefixer::new(environment(&vector));
        if let Some(hex) = vector["key_hex"].as_str() {
            let made = keys.make_bytes(&bytes(hex)).map_err(key_error);
            agree(&vector, made, || bytes(text(&vector, "made_hex")));
            continue;
        }
        let key = text(&vector, "key");
        let expected = || text(&vector, "made").to_owned();
        agree(&vector, keys.make(key).map_err(key_error), expected);
        agree(&vector, keys.pattern(key).map_err(key_error), expected);
        agree(&vector, keys.channel(key).map_err(key_error), expected);
        let made = keys.make_bytes(key.as_bytes()).map_err(key_error);
        agree(&vector, made, || expected().into_bytes());
    }
}

#[test]
fn keys_are_stripped_and_taken_apart_as_the_vectors_say() {
    for vector in vectors("strip") {
        let keys = RedisKeyPrefixer::new(environment(&vector));
        let key = text(&vector, "key");
        agree(&vector, keys.strip(key).map_err(key_error), || {
            text(&vector, "name")
        });
        let name = keys.strip_bytes(key.as_bytes()).map_err(key_error);
        agree(&vector, name, || text(&vector, "name").as_bytes());
    }
    for vector in vectors("parse") {
        let parsed = RedisKeyPrefixer::parse(text(&vector, "key"));
        let owner = parsed.environment.map(Environment::namespace);
        assert_eq!(owner, vector["environment"].as_str(), "{vector}");
        assert_eq!(parsed.name, text(&vector, "name").as_bytes(), "{vector}");
    }
}

#[test]
fn labels_and_fragments_are_as_the_vectors_say() {
    for vector in vectors("add") {
        let nodes = Neo4jLabelHelper::new(environment(&vector));
        let added = nodes.add_to(texts(&vector, "labels")).map_err(label_error);
        agree(&vector, added, || texts(&vector, "added"));
    }
    for vector in vectors("check") {
        let nodes = Neo4jLabelHelper::new(environment(&vector));
        let checked = nodes.check(texts(&vector, "labels")).map_err(label_error);
        agree(&vector, checked, || ());
    }
    for vector in vectors("quote") {
        let quoted = Neo4jLabelHelper::quote(text(&vector, "name")).map_err(label_error);
        agree(&vector, quoted, || text(&vector, "quoted").to_owned());
    }
    for vector in vectors("fragments") {
        let nodes = Neo4jLabelHelper::new(environment(&vector));
        let variable = text(&vector, "variable");
        let (labels, properties) = (texts(&vector, "labels"), texts(&vector, "properties"));
        let created = nodes
            .create(variable, &labels, &properties)
            .map_err(label_error);
        agree(&vector, created, || text(&vector, "create").to_owned());
        let matched = nodes
            .matching(variable, &labels, &properties)
            .map_err(label_error);
        agree(&vector, matched, || text(&vector, "match").to_owned());
    }
}

#[test]
fn environments_are_known_as_the_vectors_say() {
    let listed = vectors("environments");
    assert_eq!(listed.len(), Environment::ALL.len());
    for vector in listed {
        let environment = environment(&vector);
        let keys = RedisKeyPrefixer::new(environment);
        assert_eq!(keys.prefix(), text(&vector, "prefix"));
        assert_eq!(keys.all_channels(), text(&vector, "channels"));
        let nodes = Neo4jLabelHelper::new(environment);
        assert_eq!(nodes.label(), text(&vector, "label"));
    }
    for unknown in vectors("unknown_environments") {
        let name = unknown.as_str().expect("a text");
        let error = Environment::from_namespace(name)
            .expect_err(name)
            .to_string();
        assert!(error.contains(&format!("{name:?}")), "{error}");
    }
}

#[test]
fn a_key_of_ten_megabytes_of_any_bytes_is_made_and_stripped() {
    let key: Vec<u8> = (0..=u8::MAX).cycle().take(10_000_000).collect();
    for environment in Environment::ALL {
        let keys = RedisKeyPrefixer::new(environment);
        let made = keys.make_bytes(&key).expect("it is made");
        assert_eq!(made.len(), key.len() + keys.prefix().len());
        assert!(keys.make_bytes(&made) == Ok(made.clone()), "made twice");
        assert!(keys.strip_bytes(&made) == Ok(&key[..]), "stripped");
    }
}

fn any_environment() -> impl Strategy<Value = Environment> {
    prop::sample::select(Environment::ALL.to_vec())
}

/// Any bytes, often such that begin as a marked key does.
fn any_key() -> impl Strategy<Value = Vec<u8>> {
    let part = prop::sample::select(vec![
        "development:",
        "test:",
        "staging:",
        "production:",
        "development",
        ":",
        "{",
        "}",
        "*",
        "\0",
    ]);
    let marked = prop::collection::vec(part, 0..4).prop_map(|parts| parts.concat().into_bytes());
    (marked, prop::collection::vec(any::<u8>(), 0..12))
        .prop_map(|(head, tail)| [head, tail].concat())
}

/// What Redis hashes to choose a slot: the first non-empty `{…}`, else the whole key.
fn hash_tag(key: &[u8]) -> Option<&[u8]> {
    let open = key.iter().position(|byte| *byte == b'{')?;
    let length = key[open + 1..].iter().position(|byte| *byte == b'}')?;
    (length > 0).then(|| &key[open + 1..open + 1 + length])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_made_key_goes_back_and_forth_and_is_made_once(environment in any_environment(), key in any_key()) {
        let keys = RedisKeyPrefixer::new(environment);
        if let Ok(made) = keys.make_bytes(&key) {
            prop_assert_eq!(RedisKeyPrefixer::parse(&made).environment, Some(environment));
            prop_assert_eq!(keys.make_bytes(&made), Ok(made.clone()));
            let name = keys.strip_bytes(&made).expect("it was made");
            prop_assert_eq!(keys.make_bytes(name), Ok(made.clone()));
            if RedisKeyPrefixer::parse(&key).environment.is_none() {
                prop_assert_eq!(name, &key[..]);
                prop_assert_eq!(hash_tag(&made), hash_tag(&key));
            }
        }
    }

    #[test]
    fn no_two_environments_ever_make_the_same_key(
        one in any_environment(), other in any_environment(), first in any_key(), second in any_key(),
    ) {
        let made = RedisKeyPrefixer::new(one).make_bytes(&first);
        let others = RedisKeyPrefixer::new(other).make_bytes(&second);
        if let (Ok(made), Ok(others)) = (made, others) {
            prop_assert!(one == other || made != others);
        }
        // Nor does one environment take what another has made.
        if let Ok(made) = RedisKeyPrefixer::new(one).make_bytes(&first) {
            let taken = RedisKeyPrefixer::new(other).make_bytes(&made);
            prop_assert_eq!(taken.is_ok(), one == other);
        }
    }

    #[test]
    fn a_text_is_made_as_its_bytes_are(environment in any_environment(), key in "\\PC{0,20}") {
        let keys = RedisKeyPrefixer::new(environment);
        let bytes = keys.make_bytes(key.as_bytes());
        prop_assert_eq!(keys.make(&key).map(String::into_bytes), bytes);
    }

    #[test]
    fn labels_go_back_and_forth_and_no_two_environments_agree(
        one in any_environment(), other in any_environment(),
        labels in prop::collection::vec("\\PC{1,8}|Development|Test|Staging|Production", 0..4),
    ) {
        let nodes = Neo4jLabelHelper::new(one);
        if let Ok(added) = nodes.add_to(&labels) {
            prop_assert_eq!(nodes.check(&added), Ok(()));
            prop_assert_eq!(nodes.add_to(&added), Ok(added.clone()));
            let stripped = nodes.strip(&added).expect("they were added to");
            let bare: Vec<&String> = labels.iter().filter(|label| *label != nodes.label()).collect();
            prop_assert_eq!(stripped.iter().collect::<Vec<_>>(), bare);
            prop_assert_eq!(Neo4jLabelHelper::new(other).check(&added).is_ok(), one == other);
        }
    }

    #[test]
    fn a_quoted_name_ends_at_its_last_backtick(name in "[`\\\\u0-9a-f\n ]{1,20}") {
        let quoted = Neo4jLabelHelper::quote(&name).expect("neither empty nor NUL");
        // What Cypher makes of it: first every \uXXXX, once; then pairs of backticks.
        let mut read = String::new();
        let mut rest = quoted.as_str();
        while let Some(at) = rest.find('\\') {
            prop_assert_eq!(rest.get(at..at + 2), Some("\\u"));
            let code = rest.get(at + 2..at + 6).and_then(|hex| u32::from_str_radix(hex, 16).ok());
            let code = code.and_then(char::from_u32).expect("every backslash is one of ours");
            read.push_str(&rest[..at]);
            read.push(code);
            rest = &rest[at + 6..];
        }
        read.push_str(rest);
        let inside = read.strip_prefix('`').and_then(|read| read.strip_suffix('`')).expect("quotes");
        prop_assert_eq!(inside.replace("``", "").matches('`').count(), 0);
        prop_assert_eq!(inside.replace("``", "`"), name);
    }
}
