//! Bolt as bytes: messages in chunks, and PackStream, which their fields are written in
//! (<https://neo4j.com/docs/bolt/current/>). Values are JSON's: what a statement of ours asks for is
//! a number, a text, a truth, nothing, or a list or map of such.

use serde_json::{Map, Number, Value};

/// "Bolt", then what is offered: version 5.4 and three below it, and nothing else. All four have the
/// messages named here, so that none has to wait for the server's choice.
pub(crate) const HANDSHAKE: [u8; 20] = [
    0x60, 0x60, 0xB0, 0x17, 0, 3, 4, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
];

pub(crate) const HELLO: u8 = 0x01;
pub(crate) const LOGON: u8 = 0x6A;
pub(crate) const RUN: u8 = 0x10;
pub(crate) const PULL: u8 = 0x3F;
pub(crate) const SUCCESS: u8 = 0x70;
pub(crate) const RECORD: u8 = 0x71;
pub(crate) const FAILURE: u8 = 0x7F;

/// The longest chunk that its two bytes of length can tell.
const CHUNK: usize = 0xFFFF;

/// More than any answer to a statement of ours: a server that goes on is not believed.
const MESSAGE: usize = 64 * 1024 * 1024;

/// How deep values may lie in each other.
const DEPTH: u8 = 32;

/// A message: its tag and its fields.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Message {
    pub(crate) tag: u8,
    pub(crate) fields: Vec<Value>,
}

/// Bytes that are not what Bolt says they should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Garbled(pub(crate) String);

/// A message as it is sent.
///
/// # Panics
/// A structure has at most 15 fields.
pub(crate) fn message(tag: u8, fields: &[Value]) -> Vec<u8> {
    let count = u8::try_from(fields.len()).unwrap_or(u8::MAX);
    assert!(count < 16, "a structure has at most 15 fields");
    let mut packed = vec![0xB0 | count, tag];
    for field in fields {
        pack(field, &mut packed);
    }
    let mut sent = Vec::with_capacity(packed.len() + 4);
    for chunk in packed.chunks(CHUNK) {
        sent.extend((chunk.len() as u16).to_be_bytes());
        sent.extend(chunk);
    }
    sent.extend([0, 0]);
    sent
}

fn pack(value: &Value, into: &mut Vec<u8>) {
    match value {
        Value::Null => into.push(0xC0),
        Value::Bool(false) => into.push(0xC2),
        Value::Bool(true) => into.push(0xC3),
        Value::Number(number) => pack_number(number, into),
        Value::String(text) => {
            pack_length(text.len(), Some(0x80), 0xD0, into);
            into.extend(text.as_bytes());
        }
        Value::Array(items) => {
            pack_length(items.len(), Some(0x90), 0xD4, into);
            for item in items {
                pack(item, into);
            }
        }
        Value::Object(entries) => {
            pack_length(entries.len(), Some(0xA0), 0xD8, into);
            for (name, value) in entries {
                pack(&Value::String(name.clone()), into);
                pack(value, into);
            }
        }
    }
}

fn pack_number(number: &Number, into: &mut Vec<u8>) {
    let Some(whole) = number.as_i64() else {
        into.push(0xC1);
        into.extend(number.as_f64().unwrap_or(f64::NAN).to_be_bytes());
        return;
    };
    if let Ok(tiny) = i8::try_from(whole) {
        if tiny < -16 {
            into.push(0xC8);
        }
        into.extend(tiny.to_be_bytes());
    } else if let Ok(short) = i16::try_from(whole) {
        into.push(0xC9);
        into.extend(short.to_be_bytes());
    } else if let Ok(middle) = i32::try_from(whole) {
        into.push(0xCA);
        into.extend(middle.to_be_bytes());
    } else {
        into.push(0xCB);
        into.extend(whole.to_be_bytes());
    }
}

/// A length in the marker itself where it is below 16 and `tiny` is given, else in one, two or four
/// bytes behind the markers that follow each other from `first` on.
fn pack_length(length: usize, tiny: Option<u8>, first: u8, into: &mut Vec<u8>) {
    match (tiny, u8::try_from(length), u16::try_from(length)) {
        (Some(tiny), Ok(length), _) if length < 16 => into.push(tiny | length),
        (_, Ok(length), _) => into.extend([first, length]),
        (_, _, Ok(length)) => {
            into.push(first + 1);
            into.extend(length.to_be_bytes());
        }
        _ => {
            into.push(first + 2);
            into.extend(u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
        }
    }
}

/// What has come and was not read yet.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    bytes: Vec<u8>,
    /// Up to where `bytes` has been read.
    read: usize,
}

impl Inbox {
    pub(crate) fn put(&mut self, bytes: &[u8]) {
        if self.read > CHUNK {
            self.bytes.drain(..self.read);
            self.read = 0;
        }
        self.bytes.extend(bytes);
    }

    /// So many bytes as they are, once they have come.
    pub(crate) fn plain<const N: usize>(&mut self) -> Option<[u8; N]> {
        let taken = *self.rest().first_chunk()?;
        self.read += N;
        Some(taken)
    }

    /// What has come and is not read.
    pub(crate) fn rest(&self) -> &[u8] {
        &self.bytes[self.read..]
    }

    /// The next message, once it has come as a whole.
    ///
    /// # Errors
    /// It is no message of Bolt's.
    pub(crate) fn message(&mut self) -> Result<Option<Message>, Garbled> {
        // Where its chunks lie: they are put together once the last has come.
        let mut chunks = Vec::new();
        let (mut at, mut size) = (self.read, 0);
        loop {
            let Some(length) = self.bytes.get(at..at + 2) else {
                return Ok(None);
            };
            let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
            at += 2;
            if length == 0 {
                self.read = at;
                if chunks.is_empty() {
                    // The server says that it is still there.
                    continue;
                }
                let packed: Vec<&[u8]> =
                    chunks.into_iter().map(|chunk| &self.bytes[chunk]).collect();
                return unpacked(&packed.concat()).map(Some);
            }
            size += length;
            if size > MESSAGE {
                return Err(Garbled(format!("a message of over {MESSAGE} bytes")));
            }
            chunks.push(at..at + length);
            at += length;
        }
    }
}

/// A whole message, without its chunks.
fn unpacked(packed: &[u8]) -> Result<Message, Garbled> {
    let mut reader = Reader { rest: packed };
    let [marker, tag] = reader.array()?;
    if marker & 0xF0 != 0xB0 {
        return Err(Garbled(format!(
            "a message that begins with 0x{marker:02X}"
        )));
    }
    let fields = reader.values(usize::from(marker & 0x0F), 0)?;
    if !reader.rest.is_empty() {
        return Err(Garbled(format!(
            "{} bytes after a message's last field",
            reader.rest.len()
        )));
    }
    Ok(Message { tag, fields })
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn bytes(&mut self, count: usize) -> Result<&'a [u8], Garbled> {
        let (taken, rest) = self
            .rest
            .split_at_checked(count)
            .ok_or_else(|| Garbled("a message that ends within a value".to_owned()))?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Garbled> {
        let mut array = [0; N];
        array.copy_from_slice(self.bytes(N)?);
        Ok(array)
    }

    /// A length of one, two or four bytes, by how far the marker is from the first of its kind.
    fn length(&mut self, size: u8) -> Result<usize, Garbled> {
        Ok(match size {
            0 => usize::from(u8::from_be_bytes(self.array()?)),
            1 => usize::from(u16::from_be_bytes(self.array()?)),
            _ => u32::from_be_bytes(self.array()?) as usize,
        })
    }

    fn text(&mut self, length: usize) -> Result<Value, Garbled> {
        let bytes = self.bytes(length)?;
        let text = std::str::from_utf8(bytes).map_err(|_| Garbled("a text not in UTF-8".into()))?;
        Ok(Value::String(text.to_owned()))
    }

    fn values(&mut self, count: usize, depth: u8) -> Result<Vec<Value>, Garbled> {
        // The count is the server's word: memory is taken as values come.
        let mut values = Vec::new();
        for _ in 0..count {
            values.push(self.value(depth)?);
        }
        Ok(values)
    }

    fn map(&mut self, count: usize, depth: u8) -> Result<Value, Garbled> {
        let mut map = Map::new();
        for _ in 0..count {
            let Value::String(name) = self.value(depth)? else {
                return Err(Garbled("a map with a key that is no text".to_owned()));
            };
            map.insert(name, self.value(depth)?);
        }
        Ok(Value::Object(map))
    }

    fn value(&mut self, depth: u8) -> Result<Value, Garbled> {
        if depth > DEPTH {
            return Err(Garbled(format!("values more than {DEPTH} deep")));
        }
        let deeper = depth + 1;
        let [marker] = self.array()?;
        let tiny = usize::from(marker & 0x0F);
        Ok(match marker {
            0x00..=0x7F | 0xF0..=0xFF => Value::from(i8::from_be_bytes([marker])),
            0x80..=0x8F => self.text(tiny)?,
            0x90..=0x9F => Value::Array(self.values(tiny, deeper)?),
            0xA0..=0xAF => self.map(tiny, deeper)?,
            0xB0..=0xBF => {
                // A node, a moment, a point: a fixture's statement may answer with any.
                let [tag] = self.array()?;
                let fields = self.values(tiny, deeper)?;
                serde_json::json!({ "structure": tag, "fields": fields })
            }
            0xC0 => Value::Null,
            // JSON has no NaN and no infinities: they are null.
            0xC1 => Value::from(f64::from_be_bytes(self.array()?)),
            0xC2 | 0xC3 => Value::Bool(marker == 0xC3),
            0xC8 => Value::from(i8::from_be_bytes(self.array()?)),
            0xC9 => Value::from(i16::from_be_bytes(self.array()?)),
            0xCA => Value::from(i32::from_be_bytes(self.array()?)),
            0xCB => Value::from(i64::from_be_bytes(self.array()?)),
            0xCC..=0xCE => {
                let length = self.length(marker - 0xCC)?;
                Value::from(self.bytes(length)?.to_vec())
            }
            0xD0..=0xD2 => {
                let length = self.length(marker - 0xD0)?;
                self.text(length)?
            }
            0xD4..=0xD6 => {
                let count = self.length(marker - 0xD4)?;
                Value::Array(self.values(count, deeper)?)
            }
            0xD8..=0xDA => {
                let count = self.length(marker - 0xD8)?;
                self.map(count, deeper)?
            }
            other => return Err(Garbled(format!("a value that begins with 0x{other:02X}"))),
        })
    }
}
