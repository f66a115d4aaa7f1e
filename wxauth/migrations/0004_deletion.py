import wxauth.fields
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('wxauth', '0003_failedkey'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='RememberedBlock',
            fields=[
                ('digest', wxauth.fields.ByteExactField(max_length=43, primary_key=True, serialize=False, verbose_name='digest')),
                ('expires_at', models.DateTimeField(verbose_name='expires at')),
            ],
            options={
                'verbose_name': 'remembered block',
                'verbose_name_plural': 'remembered blocks',
            },
        ),
        migrations.CreateModel(
            name='Deletion',
            fields=[
            ],
            options={
                'verbose_name': 'account deletion',
                'verbose_name_plural': 'account deletions',
                'proxy': True,
                'default_permissions': ('view',),
                'indexes': [],
                'constraints': [],
            },
            bases=('wxauth.person',),
        ),
        migrations.AlterModelOptions(
            name='event',
            options={'base_manager_name': 'objects', 'verbose_name': 'event', 'verbose_name_plural': 'events'},
        ),
        migrations.AlterModelOptions(
            name='person',
            options={'permissions': [('merge_person', 'Can merge people'), ('reveal_phone', 'Can see phone numbers in full')], 'verbose_name': 'person', 'verbose_name_plural': 'people'},
        ),
        migrations.AddField(
            model_name='person',
            name='deletion_asked_at',
            field=models.DateTimeField(blank=True, null=True, verbose_name='deletion asked for at'),
        ),
        migrations.AddField(
            model_name='person',
            name='deletion_due_at',
            field=models.DateTimeField(blank=True, null=True, verbose_name='deletion due at'),
        ),
        migrations.AddField(
            model_name='person',
            name='deletion_refusal',
            field=models.CharField(blank=True, db_default='', default='', max_length=200, verbose_name='why it is not deleted'),
        ),
        migrations.AddIndex(
            model_name='person',
            index=models.Index(fields=['deletion_due_at'], name='wxauth_person_due_idx'),
        ),
        migrations.AddIndex(
            model_name='rememberedblock',
            index=models.Index(fields=['expires_at'], name='wxauth_block_expires_idx'),
        ),
    ]
