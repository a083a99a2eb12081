// A fixture for `cargo xtask reset-test --seed docs/seed.cypher`: each statement is a transaction.
CREATE CONSTRAINT session_id FOR (s:Session) REQUIRE s.id IS UNIQUE;
CREATE (:Patient:Test {id: 'alex'})-[:ATTENDS]->(:Session:Test {id: 'first'});
