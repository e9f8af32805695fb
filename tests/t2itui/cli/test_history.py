from tests.t2itui.cli.conftest import RunCli, json_lines


def test_history_lists_decisions_newest_first_and_replays_them(library: RunCli) -> None:
    asked = library("search", "a dog", "--json")
    library("search", "a piano")
    entries = json_lines(library("history", "--json"))
    assert [entry["query"] for entry in entries] == ["a piano", "a dog"]

    replayed = library("history", str(entries[1]["id"]), "--json")
    assert replayed.stdout_bytes == asked.stdout_bytes
    assert replayed.exit_code == 0


def test_history_finds_queries_by_what_they_contain(library: RunCli) -> None:
    library("search", "a dog")
    library("search", "a piano")
    listed = library("history", "--containing", "pia").stdout
    assert "a piano" in listed
    assert "a dog" not in listed


def test_a_forgotten_receipt_cannot_be_replayed(library: RunCli) -> None:
    receipt = str(json_lines(library("search", "a dog", "--json"))[0]["id"])
    assert library("history", receipt, "--forget").exit_code == 0
    result = library("history", receipt)
    assert result.exit_code in (2, 3)
    assert "Traceback" not in result.output


def test_an_empty_history_says_how_to_fill_it(run_cli: RunCli) -> None:
    assert "t2itui search" in run_cli("history").stderr
