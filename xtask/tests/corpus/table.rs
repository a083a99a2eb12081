//! The rows in the documented table.

#[test]
fn every_row_stands_in_the_documented_table() {
    let table = include_str!("../../../docs/faults.md");
    for (name, row) in crate::row::all() {
        let begins = format!("| {} |", row.fault);
        let holds = format!("| {} |", row.what);
        let mut lines = table.lines();
        assert!(
            lines.any(|line| line.starts_with(&begins) && line.contains(&holds)),
            "docs/faults.md has no line for {name}: {begins} … {holds}"
        );
    }
}
