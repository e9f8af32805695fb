import pytest
from click.testing import CliRunner

from t2itui.cli.main import COMMANDS, cli


def test_without_a_terminal_the_app_says_what_to_run_instead() -> None:
    result = CliRunner().invoke(cli, [])
    assert result.exit_code == 2
    assert "t2itui search TEXT --json" in result.stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str) -> None:
    result = CliRunner().invoke(cli, [name, "--help"])
    assert result.exit_code == 0
    assert "Usage:" in result.stdout


def test_an_unknown_command_is_wrong_usage() -> None:
    assert CliRunner().invoke(cli, ["serach"]).exit_code == 2
