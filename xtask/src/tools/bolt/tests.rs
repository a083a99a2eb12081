//! The wire both ways, and what becomes of a server that says anything else.

use process::{Interrupt, Invocation, Runner};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::wire::{self, Inbox, Message, message};
use super::*;
use crate::ui::Ui;

const SOON: Duration = Duration::from_secs(20);

fn read(bytes: &[u8]) -> Result<Option<Message>, Garbled> {
    let mut inbox = Inbox::default();
    inbox.put(bytes);
    inbox.message()
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-200_i64..200).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,40}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 64, 20, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..20).prop_map(Value::from),
            prop::collection::btree_map(".{0,4}", inner, 0..20)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read_again_however_it_is_cut_to_pieces(
        fields in prop::collection::vec(value(), 0..4),
        tag in any::<u8>(),
        cut in 1_usize..40,
    ) {
        let mut inbox = Inbox::default();
        let mut found = None;
        for piece in message(tag, &fields).chunks(cut) {
            prop_assert_eq!(&found, &None);
            inbox.put(piece);
            found = inbox.message().expect("it is whole");
        }
        prop_assert_eq!(found, Some(Message { tag, fields }));
        prop_assert!(inbox.rest().is_empty());
    }

    #[test]
    fn any_bytes_are_read_or_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = read(&bytes);
        let length = u16::try_from(bytes.len()).expect("they are few");
        let framed = [&length.to_be_bytes(), bytes.as_slice(), &[0, 0]].concat();
        let _ = read(&framed);
    }
}

#[test]
fn a_text_that_is_longer_than_a_chunk_comes_in_several() {
    let text = "é".repeat(70_000);
    let sent = message(wire::RUN, &[json!(text)]);
    assert!(sent.len() > 140_000);
    let found = read(&sent).expect("it is Bolt").expect("it is whole");
    assert_eq!(found.fields, [json!(text)]);
}

#[test]
fn the_examples_of_the_specification_are_read() {
    // <https://neo4j.com/docs/bolt/current/packstream/>
    for (packed, expected) in [
        (&[0xD0, 0x01, 0x41][..], json!("A")),
        (&[0xC8, 0xD6][..], json!(-42)),
        (&[0xC9, 0xFF, 0x80][..], json!(-128)),
        (&[0xCB, 0x80, 0, 0, 0, 0, 0, 0, 0][..], json!(i64::MIN)),
        (
            &[0xC1, 0x3F, 0xF3, 0xAE, 0x14, 0x7A, 0xE1, 0x47, 0xAE][..],
            json!(1.23),
        ),
        (&[0xCC, 0x02, 0x01, 0xFF][..], json!([1, 255])),
        (&[0xD4, 0x01, 0xC3][..], json!([true])),
        (&[0xD8, 0x01, 0x81, 0x61, 0xC0][..], json!({ "a": null })),
        (
            &[0xB1, 0x58, 0x07][..],
            json!({ "structure": 0x58, "fields": [7] }),
        ),
    ] {
        let length = u8::try_from(packed.len() + 2).expect("it is short");
        let framed = [&[0, length, 0xB1, 0x71], packed, &[0, 0]].concat();
        let found = read(&framed).expect("it is Bolt").expect("it is whole");
        assert_eq!(found.fields, [expected]);
    }
}

#[test]
fn a_list_or_nesting_that_takes_all_memory_is_refused() {
    let many = [
        &[0, 7, 0xB1, 0x71, 0xD6, 0xFF, 0xFF, 0xFF, 0xFF][..],
        &[0, 0],
    ]
    .concat();
    read(&many).expect_err("four billion values that do not come");
    let mut deep = vec![0xB1, 0x71];
    deep.extend([0x91; 20_000]);
    let length = u16::try_from(deep.len()).expect("a chunk");
    let framed = [&length.to_be_bytes(), deep.as_slice(), &[0, 0]].concat();
    read(&framed).expect_err("lists in lists");
}

#[test]
fn a_server_that_never_ends_its_message_is_given_up() {
    let mut inbox = Inbox::default();
    let chunk = [&[0xFF, 0xFF][..], &[0x41; 0xFFFF]].concat();
    let refused = (0..1100).any(|_| {
        inbox.put(&chunk);
        inbox.message().is_err()
    });
    assert!(refused, "it is read on and on");
}

/// What a server says that answers everything at once, told to the client by `printf`.
fn told(bytes: &[u8]) -> Session {
    let octal: String = bytes.iter().map(|byte| format!("\\{byte:03o}")).collect();
    let script = format!("printf '{octal}'; cat >/dev/null");
    let child = Invocation::new("sh")
        .args(["-c", &script])
        .blotting("open sesame");
    let runner = Runner::new(Interrupt::default(), Ui::silent());
    let talk = runner.stream(&child).expect("it starts");
    Session::open(talk, "neo4j", "open sesame").expect("it listens")
}

fn greeting() -> Vec<u8> {
    let hello = message(wire::SUCCESS, &[json!({ "server": "Neo4j/5.26.30" })]);
    let logon = message(wire::SUCCESS, &[json!({})]);
    [&[0, 0, 4, 5], hello.as_slice(), logon.as_slice()].concat()
}

fn success() -> Vec<u8> {
    message(wire::SUCCESS, &[json!({})])
}

fn failure(code: &str) -> Vec<u8> {
    let fields = json!({ "code": code, "message": "no, not with open sesame" });
    message(wire::FAILURE, &[fields])
}

#[test]
fn each_statement_gets_its_own_rows() {
    let row = |number: u64| message(wire::RECORD, &[json!([number])]);
    let bytes = [
        greeting(),
        success(),
        row(1),
        row(2),
        success(),
        // The server says now and then that it is still there.
        vec![0, 0],
        success(),
        success(),
    ];
    let answers = told(&bytes.concat()).run(None, &["one", "two"], SOON);
    let answers = answers.expect("all is answered");
    assert_eq!(answers, [vec![vec![json!(1)], vec![json!(2)]], vec![]]);
}

#[test]
fn a_refusal_says_at_which_statement_and_never_what_is_secret() {
    let bytes = [greeting(), success(), success(), failure("Neo.X")].concat();
    match told(&bytes).run(None, &["one", "two", "three"], SOON) {
        Err(Broken::Refused {
            at: 1,
            code,
            message,
        }) => {
            assert_eq!(code, "Neo.X");
            assert_eq!(message, "no, not with •••");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_refused_login_and_a_server_of_other_versions_are_no_entry() {
    let refused = [&[0, 0, 4, 5], success().as_slice(), &failure("Neo.Y")].concat();
    for bytes in [refused, vec![0, 0, 0, 0]] {
        let broken = told(&bytes).run(None, &["one"], SOON);
        assert!(matches!(broken, Err(Broken::NoEntry { .. })), "{broken:?}");
    }
}

#[test]
fn what_is_no_bolt_is_shown_and_never_an_answer() {
    let garbled = [greeting(), vec![0, 1, 0x41, 0, 0]].concat();
    let ahead = [greeting(), message(wire::RECORD, &[json!([1])])].concat();
    let half = [greeting(), success(), vec![0, 9, 0xB1]].concat();
    for (bytes, shown) in [
        (
            b"HTTP/1.1 400 Bad Request".to_vec(),
            "HTTP/1.1 400 Bad Request",
        ),
        (garbled, "ends within a value"),
        (ahead, "0x71"),
        (half, "did not answer"),
    ] {
        let mut session = told(&bytes);
        match session.run(None, &["one"], Duration::from_millis(300)) {
            Err(Broken::Cut { failure, .. }) => {
                assert!(failure.message.contains(shown), "{failure}");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_server_that_goes_away_says_how_far_it_came() {
    let bytes = [greeting(), success(), success()].concat();
    let octal: String = bytes.iter().map(|byte| format!("\\{byte:03o}")).collect();
    let child = Invocation::new("sh").args(["-c", &format!("printf '{octal}'; echo gone >&2")]);
    let runner = Runner::new(Interrupt::default(), Ui::silent());
    let talk = runner.stream(&child).expect("it starts");
    let ran = Session::open(talk, "neo4j", "x")
        .map(|mut session| session.run(None, &["one", "two"], SOON));
    // It may be gone before it is spoken to, too.
    match ran {
        Ok(Err(Broken::Cut { answered, failure })) => {
            assert!(answered <= 1, "{answered}");
            assert!(failure.message.contains("gone"), "{failure}");
        }
        Err(failure) => assert!(failure.message.contains("gone"), "{failure}"),
        other => panic!("{other:?}"),
    }
}
