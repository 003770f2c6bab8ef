"""Config and commands of a run, as text."""

import pytest

from mmgala.analysis.run_setup import MOST_CHARACTERS, read_setup, without_secrets


def test_config_and_commands_are_read_but_not_executed(tmp_path):
    config = 'raise SystemExit("executed")\n'
    (tmp_path / 'c.py').write_text(config)
    (tmp_path / 'commands.txt').write_text('2026-01-01 00:00:00  mmgala train c.py\n')
    assert read_setup(tmp_path) == {
        'config': config,
        'config_path': str(tmp_path / 'c.py'),
        'commands': '2026-01-01 00:00:00  mmgala train c.py',
    }


def test_a_run_of_a_comparison_has_the_command_of_the_comparison(tmp_path):
    run = tmp_path / 'gala' / 'seed0'
    run.mkdir(parents=True)
    (tmp_path / 'commands.txt').write_text('mmgala compare c.py')
    assert read_setup(run)['commands'] == 'mmgala compare c.py'


def test_the_folder_of_one_loss_has_the_setup_of_its_training(tmp_path):
    from mmgala.analysis.run_setup import training_folder

    folder = tmp_path / 'gradient_statistics' / 'head.loss'
    folder.mkdir(parents=True)
    assert training_folder(folder) == tmp_path
    assert training_folder(tmp_path) == tmp_path


def test_nothing_known_is_none(tmp_path):
    for name in ('a.py', 'b.py'):  # two configs: which is it?
        (tmp_path / name).write_text('x = 1')
    assert read_setup(tmp_path) is None


def test_long_configs_are_shortened_and_say_where_the_rest_is(tmp_path):
    path = tmp_path / 'c.py'
    path.write_text('x' * (MOST_CHARACTERS + 1234))
    text = read_setup(tmp_path)['config']
    assert len(text) < MOST_CHARACTERS + 200
    assert f'1,234 more characters in {path}' in text


@pytest.mark.parametrize(
    ('text', 'secret'),
    [
        ("init_kwargs=dict(api_key='hunter2', name='x')", 'hunter2'),
        ('{"WANDB_API_KEY": "hunter2"}', 'hunter2'),
        ("db_password = 'hun\"ter2'", 'hun"ter2'),
        ("dict(access_token='hunter2')", 'hunter2'),
        ("root='s3://me:hunter2@example.org/data'", 'hunter2'),
    ],
)
def test_passwords_and_keys_do_not_leave(text, secret):
    assert secret in text
    assert secret not in without_secrets(text)
    assert '***' in without_secrets(text)


@pytest.mark.parametrize(
    'text',
    ["backbone=dict(type='ResNet', depth=50)", 'tokens = 512', 'http://a.b:80/c'],
)
def test_other_settings_stay(text):
    assert without_secrets(text) == text
